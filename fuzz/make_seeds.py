"""Writes the seeds in fuzz/corpus: small inputs of our own that each parser takes (ok_*) or refuses (bad_*).

Usage: fuzz/make_seeds.py target/debug/mmdg       (needs the ffmpeg program; run it again when the format of stores changes)
"""

import io
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import wave

here = pathlib.Path(__file__).resolve().parent


def seed(target: str, name: str, content: bytes) -> None:
    path = here / "corpus" / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pickles() -> None:
    # the good ones are fixtures/pickles
    seed("pickle", "bad_system.pkl", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.")
    seed("pickle", "bad_deep.pkl", b"\x80\x02" + 200 * b"]" + 199 * b"a" + b".")
    seed("pickle", "bad_shared.pkl", b"\x80\x02]q\x00" + 30 * b"]h\x00ah\x00aq\x00" + b".")


def annotations() -> None:
    columns = "uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,start_frame,stop_frame,verb,verb_class\n"
    row = "{0},P91,P91_0{0},\"a, b {0}\",00:00:0{0}.50,00:01:0{0}.25,30,3600,take,{0}\n"
    seed("annotations", "ok_epic", ("epic-kitchens\n" + columns + "".join(row.format(i) for i in range(8))).encode())
    seed("annotations", "bad_epic", ("epic-kitchens\n" + columns + row.format(9)).encode())
    hac = ["-a b.mp4,0", "c .mp4,1", "d.mp4,2", "e.mp4,3", "\u00e9.mp4,4", "g,5", "h.mp4, 6 "]
    seed("annotations", "ok_hac", "\r\n".join(["hac", *hac, ""]).replace("hac\r", "hac").encode())
    seed("annotations", "bad_hac", b"hac\n../a.mp4,1\n")
    table = "id,path,start,end,label,domain,split,audio_path\na,a.mp4,0,1.5,x,p,train,a.wav\nb,\"b,.mp4\",1e-3,,y,q,test,\n"
    seed("annotations", "ok_table", ("table\n" + table).encode())
    seed("annotations", "ok_table_plain", b"table\n\xef\xbb\xbfid,path,start,end,label,domain\na,a.mp4,,,1,1\nb,b.mp4,2,3,2,10\nc,c.mp4,,,1,1\n")
    wide = "frame_rate,flow_rate,start_frame,stop_frame,number_rate,precut,audio_path,audio_key,audio_rate,flow_x_path,flow_y_path"
    rows = "a,a,0,1.5,x,p,60,30,1,90,60,,a.hdf5,P01_01,24000,f/u,f/v\nb,b.mp4,0,,y,q,,,,,,yes,,,,,\n"
    seed("annotations", "ok_table_wide", f"table\nid,path,start,end,label,domain,{wide}\n{rows}".encode())
    columns = "narration_id,participant_id,video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,verb,verb_class,all_nouns\n"
    row = "P01_101_{0},P01,P01_101,00:00:0{0}.50,00:01:0{0}.25,30,3600,take,{0},\"['a', 'b']\"\n"
    seed("annotations", "ok_epic_100", ("epic-100\n" + columns + "".join(row.format(i) for i in range(4))).encode())
    seed("annotations", "bad_epic_100", b"epic-100\nnarration_id,participant_id,video_id,start_timestamp,stop_timestamp\na,P01,P01_101,0:0:1,0:0:2\n")
    seed("annotations", "bad_table", b"table\nid,path,start,end,label,domain\na,a.mp4,nan,2,x,p\n")


def models() -> None:
    # as fixtures/make_models.py and fixtures/make_backbones.py wrote them
    fixtures = here.parent / "fixtures"
    seed("model", "ok_outputs", (fixtures / "models/outputs.onnx").read_bytes())
    seed("model", "ok_half", (fixtures / "models/half.onnx").read_bytes())
    seed("model", "ok_demo_video", (fixtures / "demo_video.onnx").read_bytes())
    for name in ["custom_operator", "outside_data", "old_opset"]:
        seed("model", f"bad_{name}", (fixtures / f"models/{name}.onnx").read_bytes())
    # a graph in an attribute of a node of a graph, 200 times
    deep = b""
    for field in 200 * b"\x32\x2a\x0a" + b"\x3a":
        length, size = len(deep), b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        deep = bytes([field]) + size + bytes([length]) + deep
    seed("model", "bad_deep", deep + b"\x42\x02\x10\x11")


def tars() -> None:
    def packed(form: int, names: list[str]) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as tar:
            for name in names:
                about = tarfile.TarInfo(name)
                about.size = len(name)
                tar.addfile(about, io.BytesIO(name.encode()))
        return file.getvalue()

    names = [f"./frame_{i:010}.jpg" for i in (1, 2, 3)]
    flow = [f"{'x' * 120}/{axis}/frame_{i:010}.jpg" for axis in "uv" for i in (1, 2)]
    seed("tar", "ok_gnu", packed(tarfile.GNU_FORMAT, names))
    seed("tar", "ok_ustar", packed(tarfile.USTAR_FORMAT, names))
    seed("tar", "ok_pax_flow", packed(tarfile.PAX_FORMAT, flow))
    seed("tar", "ok_gnu_flow", packed(tarfile.GNU_FORMAT, flow))
    seed("tar", "bad_cut", packed(tarfile.GNU_FORMAT, names)[:2100])
    seed("tar", "bad_other_names", packed(tarfile.GNU_FORMAT, ["frame_1.jpg", "img_00001.jpg"]))


def box(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I", 8 + len(inside)) + kind + inside


def edit_lists() -> None:
    def movie(elst: bytes, handler: bytes = b"soun", wide: bool = False) -> bytes:
        scale = struct.pack(">BxxxQQIQ", 1, 0, 0, 1000, 5000) if wide else struct.pack(">BxxxIIII", 0, 0, 0, 1000, 5000)
        mdia = box(b"mdia", box(b"mdhd", scale), box(b"hdlr", 8 * b"\0" + handler + 13 * b"\0"))
        trak = box(b"trak", box(b"edts", box(b"elst", elst)), mdia)
        return box(b"ftyp", b"isom") + box(b"mdat", b"data") + box(b"moov", box(b"mvhd", scale), trak)

    narrow = struct.pack(">BxxxI", 0, 2) + struct.pack(">IiI", 500, -1, 65536) + struct.pack(">IiI", 2000, 1024, 65536)
    broad = struct.pack(">BxxxI", 1, 1) + struct.pack(">QqI", 2000, 1024, 65536)
    seed("edit_list", "ok_narrow", movie(narrow))
    seed("edit_list", "ok_wide", movie(broad, wide=True))
    # a box with its size in 64 bits, and one up to the end of the file
    long = struct.pack(">I4sQ", 1, b"mdat", 20) + b"data"
    whole = movie(narrow)
    last = whole.rindex(b"moov") - 4
    seed("edit_list", "ok_sizes", long + whole[:last] + b"\0\0\0\0" + whole[last + 4:])
    seed("edit_list", "bad_picture", movie(narrow, handler=b"vide"))
    seed("edit_list", "bad_count", movie(struct.pack(">BxxxI", 0, 0xFFFFFFFF)))
    seed("edit_list", "bad_size", struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1))


def whole(files: dict[str, bytes]) -> bytes:
    return b"\n".join(b"=== " + name.encode() + b"\n" + content for name, content in files.items())


def stores(mmdg: str) -> None:
    # the same at every call: a store says where its recordings are, and has the hash of that
    root = pathlib.Path("/tmp/mmdg-seeds")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    try:
        rows = ["id,path,start,end,label,domain"]
        for i in range(5):
            with wave.open(str(root / f"{i}.wav"), "wb") as sound:
                sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(16000)
                sound.writeframes(struct.pack("<3200h", *[(j * (37 + i)) % 2000 - 1000 for j in range(3200)]))
            picture = ["-f", "lavfi", "-i", "testsrc2=size=32x32:rate=10:duration=0.4"]
            subprocess.run(["ffmpeg", "-v", "error", *picture, "-i", root / f"{i}.wav", "-c:a", "pcm_s16le", root / f"{i}.mov"], check=True)
            rows.append(f"r{i},{i}.mov,0,0.2,{'xy'[i % 2]},{'pq'[i // 2 % 2]}")
        (root / "3.mov").write_bytes(b"no recording")
        (root / "table.csv").write_text("\n".join(rows) + "\n")
        (root / "pipeline.toml").write_text(
            "[data]\ndataset = 'table'\ntable = 'table.csv'\n[preprocess]\nstore = 'store'\n"
            "[preprocess.modalities.video]\npreset = 'uniform'\nframes = 2\nresize = 8\ncrop = 8\nviews = 1\n"
            "[preprocess.modalities.audio]\npreset = 'log-mel'\nseconds = 0.1\nn-fft = 64\nwindow = 64\nhop = 64\nbins = 4\n")
        (root / "jpeg.toml").write_text(
            "[data]\ndataset = 'table'\ntable = 'table.csv'\n[preprocess]\nstore = 'jpeg'\n"
            "[preprocess.modalities.video]\npreset = 'uniform'\nframes = 2\nresize = 8\ncrop = 8\njpeg = 90\n")

        def made(pipeline: str, name: str) -> dict[str, bytes]:
            subprocess.run([mmdg, "preprocess", pipeline, "--max-failures", "9"], cwd=root)
            store = root / name
            names = [path for path in sorted(store.rglob("*")) if path.is_file() and path.suffix in (".json", ".csv", ".h5")]
            # without the hash of its own that a file carries, past which no mutation would come
            return {str(path.relative_to(store)): re.sub(rb',\n  "seal": "[0-9a-f]*"', b"", path.read_bytes()) for path in names}

        packed, jpegs = made("pipeline.toml", "store"), made("jpeg.toml", "jpeg")
    finally:
        shutil.rmtree(root)
    seed("shard", "ok_store_jpeg", whole(jpegs))
    for part in ["", "audio"]:
        kept = {name: content for name, content in packed.items() if not part or "/" not in name or name.startswith(part)}
        seed("shard", f"{'bad' if part else 'ok'}_store{'_without_video' if part else ''}", whole(kept))


if __name__ == "__main__":
    mmdg = str(pathlib.Path(sys.argv[1]).resolve())
    shutil.rmtree(here / "corpus", ignore_errors=True)
    pickles(), annotations(), models(), tars(), edit_lists(), stores(mmdg)
