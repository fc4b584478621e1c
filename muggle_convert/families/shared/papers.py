"""What several families cite, as BibTeX."""

from __future__ import annotations

DPT = """@inproceedings{ranftl2021vision,
  title = {Vision Transformers for Dense Prediction},
  author = {Ranftl, Ren{\\'e} and Bochkovskiy, Alexey and Koltun, Vladlen},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year = {2021}
}"""

MIDAS = """@article{ranftl2022towards,
  title = {Towards Robust Monocular Depth Estimation: Mixing Datasets for Zero-Shot Cross-Dataset Transfer},
  author = {Ranftl, Ren{\\'e} and Lasinger, Katrin and Hafner, David and Schindler, Konrad and Koltun, Vladlen},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {44},
  number = {3},
  year = {2022}
}"""

MIDAS_V31 = """@article{birkl2023midas,
  title = {MiDaS v3.1 -- A Model Zoo for Robust Monocular Relative Depth Estimation},
  author = {Birkl, Reiner and Wofk, Diana and M{\\"u}ller, Matthias},
  journal = {arXiv preprint arXiv:2307.14460},
  year = {2023}
}"""
