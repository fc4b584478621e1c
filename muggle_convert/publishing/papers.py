"""What to cite for each family."""

from __future__ import annotations

_DPT = """@inproceedings{ranftl2021vision,
  title = {Vision Transformers for Dense Prediction},
  author = {Ranftl, Ren{\\'e} and Bochkovskiy, Alexey and Koltun, Vladlen},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year = {2021}
}"""

_MIDAS = """@article{ranftl2022towards,
  title = {Towards Robust Monocular Depth Estimation: Mixing Datasets for Zero-Shot Cross-Dataset Transfer},
  author = {Ranftl, Ren{\\'e} and Lasinger, Katrin and Hafner, David and Schindler, Konrad and Koltun, Vladlen},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {44},
  number = {3},
  year = {2022}
}"""

_MIDAS_V31 = """@article{birkl2023midas,
  title = {MiDaS v3.1 -- A Model Zoo for Robust Monocular Relative Depth Estimation},
  author = {Birkl, Reiner and Wofk, Diana and M{\\"u}ller, Matthias},
  journal = {arXiv preprint arXiv:2307.14460},
  year = {2023}
}"""

_DEPTH_ANYTHING_V1 = """@inproceedings{yang2024depthanything,
  title = {Depth Anything: Unleashing the Power of Large-Scale Unlabeled Data},
  author = {Yang, Lihe and Kang, Bingyi and Huang, Zilong and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}"""

_DEPTH_ANYTHING_V2 = """@inproceedings{yang2024depthanythingv2,
  title = {Depth Anything V2},
  author = {Yang, Lihe and Kang, Bingyi and Huang, Zilong and Zhao, Zhen and Xu, Xiaogang and Feng, Jiashi and Zhao, Hengshuang},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year = {2024}
}"""

_DUST3R = """@inproceedings{wang2024dust3r,
  title = {DUSt3R: Geometric 3D Vision Made Easy},
  author = {Wang, Shuzhe and Leroy, Vincent and Cabon, Yohann and Chidlovskii, Boris and Revaud, Jerome},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}"""

CITATIONS: dict[str, tuple[str, ...]] = {
    "depth_anything_v1": (_DEPTH_ANYTHING_V1, _DPT),
    "depth_anything_v2": (_DEPTH_ANYTHING_V2, _DPT),
    "dpt_vit": (_DPT, _MIDAS),
    "dpt_hybrid": (_DPT, _MIDAS),
    "midas_v21": (_MIDAS,),
    "midas_v21_small": (_MIDAS,),
    "dust3r": (_DUST3R, _DPT),
}
_DEFAULT = (_MIDAS_V31, _MIDAS, _DPT)  # the families that came with MiDaS v3.1


def citations(family: str) -> tuple[str, ...]:
    return CITATIONS.get(family, _DEFAULT)
