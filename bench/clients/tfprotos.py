"""Makes `tensorflow_serving` importable without TensorFlow: of the wheels that requirements-protos.txt pins it unpacks the
serving client, unmodified, and the messages that this imports of TensorFlow. Runs once; later imports find the folder."""
import os
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "..", ".cache", "tfprotos")


def fetch():
    os.makedirs(os.path.dirname(FOLDER), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(FOLDER)) as tmp:
        # The messages are the same in the wheels for every interpreter and platform, so one is named.
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-cache-dir", "--no-deps",
                        "--only-binary=:all:", "--python-version", "3.11", "--platform", "manylinux_2_27_x86_64", "-d", f"{tmp}/wheels",
                        "-r", os.path.join(HERE, "requirements-protos.txt")], check=True)
        for wheel in os.listdir(f"{tmp}/wheels"):
            with zipfile.ZipFile(f"{tmp}/wheels/{wheel}") as z:
                z.extractall(f"{tmp}/out", [n for n in z.namelist() if n.startswith("tensorflow_serving/")
                                            or n.startswith("tensorflow/") and n.endswith("_pb2.py")])
        os.rename(f"{tmp}/out", FOLDER)


if not os.path.isdir(FOLDER):
    fetch()
sys.path.insert(0, FOLDER)
