"""Installs what Saker is measured against into one folder: a Python environment and llama.cpp, both from PyPI."""
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LLAMA_PACKAGE = "llama-cpp-python==0.3.36"
LLAMA_OPTIONS = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DGGML_OPENMP=ON", "-DGGML_CCACHE=OFF",
                 "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_SERVER=OFF",
                 "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_OPENSSL=OFF"]


class PeersError(Exception):
    """Something outside this program failed; the message says what and what to do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(command):
    """Runs a command and returns its standard output; raises PeersError with the end of its complaint."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise PeersError(f"`{' '.join(command)}` failed with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


class Peers:
    """The tools in the folder. Each part is made once: a stamp holds what it was made from."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        self.source = folder / "llama.cpp"
        self.build = folder / "llama.cpp-build"
        self.llama_bench = self.build / "bin" / "llama-bench"
        self.llama_logits = folder / "llama_logits"
        self.read_bandwidth = folder / "read_bandwidth"

    def install(self, llama=True):
        self.folder.mkdir(parents=True, exist_ok=True)
        self._once("venv", (HERE / "requirements.txt").read_text(), self._make_venv)
        if not llama:
            return
        self._once("llama.cpp", " ".join([LLAMA_PACKAGE, *LLAMA_OPTIONS]), self._build_llama)
        self._once("llama_logits", (HERE / "llama_logits.cpp").read_text() + LLAMA_PACKAGE, self._build_logits)
        self._once("read_bandwidth", (HERE / "read_bandwidth.cpp").read_text(), self._build_read_bandwidth)

    def versions(self):
        pins = (line.split("==") for line in (HERE / "requirements.txt").read_text().splitlines() if "==" in line)
        return dict([LLAMA_PACKAGE.split("=="), *pins])

    def run_python(self, script, *arguments):
        return output_of([self.python, HERE / script, *arguments])

    def _once(self, name, made_from, make):
        stamp = self.folder / f"{name}.stamp"
        if stamp.exists() and stamp.read_text() == made_from:
            return
        say(f"installing {name} (once)")
        make()
        stamp.write_text(made_from)

    def _make_venv(self):
        try:
            import ensurepip  # noqa: F401  Debian ships it apart from python3
        except ImportError:
            raise PeersError("Python has no venv module; on Debian: apt-get install python3-venv") from None
        output_of([sys.executable, "-m", "venv", "--clear", self.python.parent.parent])
        output_of([self.python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"])

    def _build_llama(self):
        self._fetch_llama_source()
        shutil.rmtree(self.build, ignore_errors=True)
        output_of(["cmake", "-S", self.source, "-B", self.build, *LLAMA_OPTIONS])
        output_of(["nice", "cmake", "--build", self.build, "--target", "llama-bench", "-j", os.cpu_count()])

    def _fetch_llama_source(self):
        package = self.folder / "package"
        shutil.rmtree(package, ignore_errors=True)
        output_of([self.python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python",
                   "--dest", package, LLAMA_PACKAGE])
        [archive] = package.glob("*.tar.gz")
        output_of(["tar", "-xzf", archive, "-C", package])
        shutil.rmtree(self.source, ignore_errors=True)
        next(package.glob("*/vendor/llama.cpp")).rename(self.source)
        shutil.rmtree(package)

    def _build_logits(self):
        libraries = self.build / "bin"
        output_of(["c++", "-O2", "-std=c++17", f"-I{self.source}/include", f"-I{self.source}/ggml/include",
                   HERE / "llama_logits.cpp", "-o", self.llama_logits, f"-L{libraries}", "-lllama", "-lggml",
                   "-lggml-base", f"-Wl,-rpath,{libraries}"])

    def _build_read_bandwidth(self):
        output_of(["c++", "-O3", "-march=native", "-fopenmp", "-std=c++20", HERE / "read_bandwidth.cpp", "-o",
                   self.read_bandwidth])
