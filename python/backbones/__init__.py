"""The backbones of the field, and how they become ONNX files that mmdg runs."""

from . import ast, mvit, r2plus1d, slowfast, slowonly, vggsound, videomae

BACKBONES = {
    backbone.name: backbone
    for backbone in (
        slowfast.R101,
        slowfast.R50,
        slowonly.FLOW,
        vggsound.RESNET18,
        r2plus1d.R2PLUS1D_18,
        mvit.V2_S,
        ast.AST,
        videomae.V2_B,
    )
}
