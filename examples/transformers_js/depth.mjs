// Depth for a picture with transformers.js in Node: the same calls as in a browser, and nothing is fetched.
//
//     muggle-convert export depth_anything_v2_vits.pth --to onnx -o folder --layout transformers.js
//     npm install @huggingface/transformers    # without a connection to nuget.org: ONNXRUNTIME_NODE_INSTALL=skip npm install …
//     node depth.mjs folder photo.jpg depth.json
//
// What is written: what the model was shown and what it predicts, each as its dimensions and its numbers.

import { writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { AutoImageProcessor, AutoModelForDepthEstimation, RawImage, env } from "@huggingface/transformers";

const [folder, picture, out] = process.argv.slice(2);
if (!out) {
  console.error("usage: node depth.mjs FOLDER PICTURE OUT.json");
  process.exit(2);
}

env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));
const name = basename(resolve(folder));

const processor = await AutoImageProcessor.from_pretrained(name);
const model = await AutoModelForDepthEstimation.from_pretrained(name, { dtype: "fp32" });
const { pixel_values } = await processor(await RawImage.read(picture));
const { predicted_depth } = await model({ pixel_values });

const written = (tensor) => ({ dims: tensor.dims, data: Array.from(tensor.data) });
await writeFile(out, JSON.stringify({ pixel_values: written(pixel_values), predicted_depth: written(predicted_depth) }));
console.log(`${picture}: depth of ${predicted_depth.dims.join(" x ")}, shown ${pixel_values.dims.join(" x ")}`);
