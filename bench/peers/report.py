"""The table and the record of a run."""
import datetime
import json
import os
import pathlib
import platform
import subprocess

IDLE = 0.1  # cores in use by others on a quiet machine

ROOT = pathlib.Path(__file__).resolve().parents[2]


def cpu_name():
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine(threads):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": threads, "memory_gib": round(memory / 2**30, 1)}


def commit():
    """The short commit, with `+` when the tree differs from it; None outside a clone."""
    try:
        found = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--exclude=*", "--dirty=+"],
                               capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None


def number(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def line_of(row):
    target = f">= {row['target']:g}x" + (f", {row['share_target']:.0%}" if row["share_target"] else "")
    cells = [number(row["saker"]), number(row["llama.cpp"]), number(row["hf"]), f"{row['ratio']:.2f}x", target,
             f"{row['share']:.0%}", "PASS" if row["pass"] else "short"]
    return f"{row['work']:<22}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, (9, 11, 8, 9, 15, 8, 9)))


def table(result):
    """One block of text for one checkpoint."""
    head = (f"{result['model']} {result['dtype']}: read {result['read_gbs']:.1f} GB/s, "
            f"products {result['product_gflops']:.0f} GFLOP/s")
    if result["cores_in_use"] > IDLE:
        head += f"\nWARNING: other programs used {result['cores_in_use']:.1f} cores; these figures mean little"
    columns = ("saker", "llama.cpp", "hf", "ratio", "target", "share", "")
    names = f"{'tokens/s':<22}" + "".join(f"{name:>{width}}" for name, width in zip(columns, (9, 11, 8, 9, 15, 8, 9)))
    return "\n".join([head, names, *map(line_of, result["rows"])])


def tokenizer_table(rows):
    lines = [f"{'tokenizer, MB/s':<22}{'saker':>9}{'hf':>8}{'ratio':>9}{'target':>15}"]
    for row in rows:
        lines.append(f"{row['source']:<22}{row['saker'] / 1e6:>9.1f}{row['hf'] / 1e6:>8.2f}{row['ratio']:>8.1f}x"
                     f"{'>= %gx' % row['target']:>15}{'PASS' if row['pass'] else 'short':>17}")
    return "\n".join(lines)


def record(results, tokenizers, agreement, versions, threads):
    return {"date": datetime.date.today().isoformat(), "commit": commit(), "machine": machine(threads),
            "peers": versions, "llama_cpp_difference_from_hf": agreement, "results": results,
            "tokenizers": tokenizers}


def save(run, name="peers-cpu"):
    path = ROOT / "bench" / "results" / f"{run['date']}-{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(run, indent=1) + "\n")
    return path.relative_to(ROOT)
