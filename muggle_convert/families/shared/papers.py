"""What to cite, as BibTeX."""

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

DEPTH_ANYTHING_V1 = """@inproceedings{yang2024depthanything,
  title = {Depth Anything: Unleashing the Power of Large-Scale Unlabeled Data},
  author = {Yang, Lihe and Kang, Bingyi and Huang, Zilong and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}"""

DEPTH_ANYTHING_V2 = """@inproceedings{yang2024depthanythingv2,
  title = {Depth Anything V2},
  author = {Yang, Lihe and Kang, Bingyi and Huang, Zilong and Zhao, Zhen and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year = {2024}
}"""

DUST3R = """@inproceedings{wang2024dust3r,
  title = {DUSt3R: Geometric 3D Vision Made Easy},
  author = {Wang, Shuzhe and Leroy, Vincent and Cabon, Yohann and Chidlovskii, Boris and Revaud, Jerome},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}"""
