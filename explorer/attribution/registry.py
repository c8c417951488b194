"""The methods, one entry each: a page draws its choices and their options from here."""

from collections.abc import Mapping
from types import MappingProxyType

from explorer.attribution import cam, gradients, perturbation
from explorer.attribution.contract import Method
from explorer.options import Choice, Number

CHANNELS = Number("Channels tried", 256, 8, 4096, 8, "Those that vary most; each costs one pass.")
SEED = Number("Seed", 0, 0, 9999, 1, "The same seed draws the same numbers.")
BASELINE = Choice(
    "Baseline",
    "black",
    {"black": "black", "grey": "mid-grey", "blur": "the picture blurred"},
    "The picture that stands for “nothing there”.",
)
FILL = Choice(
    "Hidden by",
    "mean",
    {"mean": "the picture's mean colour", "black": "black", "blur": "the picture blurred"},
    "What the network sees where the picture is hidden.",
)

SENSITIVITY = "how much the score depends on each place"
SENSITIVITY_SIGNS = "blue: brighter there would raise the score, red: it would lower it"

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "grad-cam": Method(
            title="Grad-CAM",
            family="cam",
            compute=cam.by(cam.grad_cam),
            sentence="Adds up the layer's maps, each weighted by how much it moves the score on average.",
            paper="R. Selvaraju et al., “Grad-CAM: Visual explanations from deep networks via gradient-based "
            "localization”, ICCV 2017",
            formula=r"L = \operatorname{ReLU}\Big(\sum_k w_k A_k\Big),\quad "
            r"w_k = \frac{1}{hw}\sum_{ij}\frac{\partial s}{\partial A_{ijk}}",
            cost="1 pass forward, and back to the layer",
            weakness="Averaging a channel's gradient can light up places that the network did not use; in layers "
            "that are not followed by global average pooling this happens often.",
        ),
        "grad-cam++": Method(
            title="Grad-CAM++",
            family="cam",
            compute=cam.by(cam.grad_cam_plus_plus),
            sentence="As Grad-CAM, but cells where the gradient is positive count, and more where few do: made for "
            "several things of one class.",
            paper="A. Chattopadhyay et al., “Grad-CAM++: Improved visual explanations for deep convolutional "
            "networks”, WACV 2018",
            formula=r"w_k = \sum_{ij} \frac{G_{ijk}^2}{2G_{ijk}^2 + G_{ijk}^3 \sum_{ab} A_{abk}}"
            r"\operatorname{ReLU}(G_{ijk})",
            cost="1 pass forward, and back to the layer",
            weakness="It drops negative gradients, so it hardly tells classes apart: maps of different classes look "
            "alike.",
        ),
        "hires-cam": Method(
            title="HiResCAM",
            family="cam",
            compute=cam.by(cam.hires_cam),
            sentence="Multiplies each cell with its own gradient, so that only places that were used light up.",
            paper="R. Draelos, L. Carin, “Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional "
            "neural networks”, 2020",
            formula=r"L = \operatorname{ReLU}\Big(\sum_k G_k \odot A_k\Big),\quad "
            r"G_k = \frac{\partial s}{\partial A_k}",
            cost="1 pass forward, and back to the layer",
            weakness="In early layers single gradients are noisy, and so is the map.",
        ),
        "layer-cam": Method(
            title="LayerCAM",
            family="cam",
            compute=cam.by(cam.layer_cam),
            sentence="As HiResCAM with positive gradients only: fine maps from early layers too.",
            paper="P.-T. Jiang et al., “LayerCAM: Exploring hierarchical class activation maps for localization”, "
            "IEEE TIP 2021",
            formula=r"L = \operatorname{ReLU}\Big(\sum_k \operatorname{ReLU}(G_k) \odot A_k\Big)",
            cost="1 pass forward, and back to the layer",
            weakness="It never shows what speaks against a class, and hardly tells similar classes apart.",
        ),
        "xgrad-cam": Method(
            title="XGrad-CAM",
            family="cam",
            compute=cam.by(cam.x_grad_cam),
            sentence="As Grad-CAM, but a cell's gradient counts as much as the map is active there.",
            paper="R. Fu et al., “Axiom-based Grad-CAM: Towards accurate visualization and explanation of CNNs”, "
            "BMVC 2020",
            formula=r"w_k = \sum_{ij} \frac{A_{ijk}}{\sum_{ab} A_{abk}}\, G_{ijk}",
            cost="1 pass forward, and back to the layer",
            weakness="Where maps have negative values the weights can become very large.",
        ),
        "score-cam": Method(
            title="Score-CAM",
            family="cam",
            compute=cam.score_cam,
            sentence="Shows the network the picture through each map, and weighs the map by the score that is left.",
            paper="H. Wang et al., “Score-CAM: Score-weighted visual explanations for convolutional neural networks”, "
            "CVPR workshops 2020",
            formula=r"w = \operatorname{softmax}_k\big(s(x \odot H_k) - s(0)\big),\quad H_k = "
            r"\operatorname{up}\Big(\frac{A_k - \min A_k}{\max A_k - \min A_k}\Big)",
            cost="1 pass for each channel that is tried",
            weakness="The softmax lets a few channels decide, and a picture seen through a mask is no picture the "
            "network has learned from.",
            options={"channels": CHANNELS},
            slow=True,
            light={"channels": 64},
        ),
        "eigen-cam": Method(
            title="Eigen-CAM",
            family="cam",
            compute=cam.by(cam.eigen_cam),
            sentence="Shows the pattern that the layer's maps have most in common. It does not ask about a class.",
            paper="M. Muhammad, M. Yeasin, “Eigen-CAM: Class activation map using principal components”, IJCNN 2020",
            formula=r"L = \operatorname{ReLU}(A\,v_1),\quad A = U \Sigma V^\top",
            cost="1 pass forward",
            weakness="It is the same for every class: it shows what stands out, not why the class.",
            shows="what the layer's maps have in common",
            signs="blue is the pattern that the maps share, red its opposite",
        ),
        "saliency": Method(
            title="Saliency",
            family="gradient",
            compute=gradients.saliency,
            sentence="How much each pixel would move the score, if it changed a little.",
            paper="K. Simonyan, A. Vedaldi, A. Zisserman, “Deep inside convolutional networks”, 2013",
            formula=r"M_{ij} = \max_c \left|\frac{\partial s}{\partial x_{ijc}}\right|",
            cost="1 pass forward and back",
            weakness="It is noisy, and says where the score is sensitive, not what it comes from.",
            shows=SENSITIVITY,
            signs=SENSITIVITY_SIGNS,
        ),
        "gradient-x-input": Method(
            title="Gradient × input",
            family="gradient",
            compute=gradients.gradient_times_input,
            sentence="Each pixel's value times its gradient: its share of the score, if the network were linear.",
            paper="A. Shrikumar et al., “Not just a black box: Learning important features through propagating "
            "activation differences”, 2016",
            formula=r"M_{ij} = \sum_c x_{ijc}\,\frac{\partial s}{\partial x_{ijc}}",
            cost="1 pass forward and back",
            weakness="Black pixels can never count, and the network is not linear.",
        ),
        "smoothgrad": Method(
            title="SmoothGrad",
            family="gradient",
            compute=gradients.smoothgrad,
            sentence="Saliency averaged over noisy copies of the picture, so that what is chance averages out.",
            paper="D. Smilkov et al., “SmoothGrad: removing noise by adding noise”, 2017",
            formula=r"M = \max_c\left|\frac1n\sum_{t=1}^{n}\frac{\partial s}{\partial x}(x + \varepsilon_t)\right|,"
            r"\quad \varepsilon_t \sim N(0, \sigma^2)",
            cost="1 pass forward and back for each copy",
            weakness="Much noise shows the gradient of another picture; it still looks plausible for an untrained "
            "network.",
            options={
                "samples": Number("Noisy copies", 24, 4, 200, 4, "More are smoother and slower."),
                "noise": Number(
                    "Noise", 0.15, 0.01, 0.5, 0.01, "Standard deviation, as a share of the picture's range of values."
                ),
                "seed": SEED,
            },
            slow=True,
            shows=SENSITIVITY,
            signs=SENSITIVITY_SIGNS,
            light={"samples": 8},
        ),
        "integrated-gradients": Method(
            title="Integrated gradients",
            family="gradient",
            compute=gradients.integrated_gradients,
            sentence="Follows the picture from nothing to what it is, and adds up what each pixel does on the way.",
            paper="M. Sundararajan, A. Taly, Q. Yan, “Axiomatic attribution for deep networks”, ICML 2017",
            formula=r"M_{ij} = \sum_c (x - x')_{ijc} \int_0^1 \frac{\partial s}{\partial x_{ijc}}"
            r"\big(x' + \alpha(x - x')\big)\,d\alpha",
            cost="1 pass forward and back for each step",
            weakness="What counts as “nothing” decides much: with a black baseline, black things get no share.",
            options={
                "steps": Number(
                    "Steps", 32, 8, 128, 8, "Halved where needed, up to eight times as many, until the sum is right."
                ),
                "baseline": BASELINE,
            },
            slow=True,
            light={"steps": 16},
        ),
        "guided-backpropagation": Method(
            title="Guided backpropagation",
            family="gradient",
            compute=gradients.guided_backpropagation,
            sentence="Saliency that lets only positive gradients through at each ReLU: fine, sharp lines.",
            paper="J. Springenberg et al., “Striving for simplicity: The all convolutional net”, 2014",
            formula=r"R^{l} = \mathbf 1[a^{l} > 0]\;\mathbf 1[R^{l+1} > 0]\;R^{l+1}",
            cost="1 pass forward and back",
            weakness="It mostly traces edges: it hardly changes when the weights or the class do.",
            shows=SENSITIVITY,
            signs=SENSITIVITY_SIGNS,
        ),
        "occlusion": Method(
            title="Occlusion",
            family="perturbation",
            compute=perturbation.occlusion,
            sentence="Covers one patch after the other, and notes how much the score falls.",
            paper="M. Zeiler, R. Fergus, “Visualizing and understanding convolutional networks”, ECCV 2014",
            formula=r"M_{ij} = \operatorname{mean}_{p \ni (i,j)} \big( s(x) - s(x \text{ without patch } p) \big)",
            cost="1 pass for each patch",
            weakness="Things that are larger than the patch, or there twice, seem not to matter.",
            options={
                "patch": Number("Patch, share of the side", 0.2, 0.04, 0.5, 0.02, "Side of the patch."),
                "stride": Number("Step, share of the patch", 0.5, 0.25, 1.0, 0.25, "Smaller is finer and slower."),
                "fill": FILL,
            },
            slow=True,
            light={"patch": 0.24, "stride": 0.5},
        ),
        "rise": Method(
            title="RISE",
            family="perturbation",
            compute=perturbation.rise,
            sentence="Hides random parts many times; a place is important when the score is high while it can be seen.",
            paper="V. Petsiuk, A. Das, K. Saenko, “RISE: Randomized input sampling for explanation of black-box "
            "models”, BMVC 2018",
            formula=r"M = \frac{1}{N\,p(1-p)}\sum_{t=1}^{N} (s(x \odot m_t) - \bar s)\,(m_t - p)",
            cost="1 pass for each mask",
            weakness="With few masks it is noisy, and another seed gives another map.",
            options={
                "masks": Number("Masks", 512, 32, 8000, 32, "More are less noisy and slower."),
                "cells": Number("Cells across a mask", 7, 2, 28, 1, "How fine the masks are."),
                "kept": Number("Share that is kept", 0.5, 0.1, 0.9, 0.05),
                "seed": SEED,
                "fill": Choice(FILL.label, "black", FILL.choices, FILL.help),
            },
            slow=True,
            light={"masks": 256},
        ),
    }
)
