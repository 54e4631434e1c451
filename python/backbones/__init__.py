"""The backbones of the field, and how they become ONNX files that mmdg runs."""

from . import ast, slowfast, slowonly, torchvision_video, videomae, vggsound

BACKBONES = {
    backbone.name: backbone
    for backbone in (
        slowfast.R101,
        slowfast.R50,
        slowonly.FLOW,
        vggsound.RESNET18,
        torchvision_video.R2PLUS1D_18,
        torchvision_video.MVIT_V2_S,
        ast.AST,
        videomae.V2_B,
    )
}
