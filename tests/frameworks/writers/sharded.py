"""Models in several files, as huggingface_hub and gguf split them."""
import pathlib


def write(recorder):
    write_hub(recorder.folder("huggingface_hub"))
    write_gguf(recorder.folder("gguf_split", "gguf"))


def record(out, folder):
    """Rows for whatever the library wrote below the folder."""
    root = out.recorder.root / out.framework
    for file in sorted((root / folder).iterdir()):
        out.path(f"{folder}/{file.name}")


def write_hub(out):
    import torch
    from huggingface_hub import save_torch_state_dict
    state = {f"layers.{i}.weight": torch.full((8, 8), float(i)) for i in range(6)}
    root = out.recorder.root / out.framework
    for folder, safe in (("safetensors", True), ("bin", False)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        save_torch_state_dict(state, root / folder, max_shard_size=600, safe_serialization=safe)
        record(out, folder)


def write_gguf(out):
    import gguf
    import numpy as np
    folder = out.recorder.root / out.framework / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(pathlib.Path(folder, "tiny.gguf")), "llama", split_max_tensors=2)
    writer.add_name("tiny")
    for i in range(5):
        writer.add_tensor(f"blk.{i}.weight", np.full((2, 32), i, "f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    record(out, "parts")
