"""PyTorch: state dicts, whole modules, checkpoints, TorchScript, exported programs, in each container it writes."""
import argparse
import collections
import datetime
import pathlib
import pickle
import types
import warnings


def modules(torch):
    nn = torch.nn
    yield "convolution", nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2))
    yield "lstm", nn.LSTM(4, 5, 2, bidirectional=True)
    yield "encoder", nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)
    yield "encoder_gelu", nn.TransformerEncoderLayer(8, 2, 16, activation="gelu")
    yield "containers", nn.ModuleDict({"list": nn.ModuleList([nn.GELU(), nn.Dropout()]), "embed": nn.Embedding(10, 4),
                                       "params": nn.ParameterDict({"a": nn.Parameter(torch.ones(2))})})
    yield "normalised", nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 3)), nn.GroupNorm(1, 3), nn.LayerNorm(3), nn.PReLU(), nn.Softmax(-1))
    yield "losses", nn.ModuleList([nn.CrossEntropyLoss(torch.ones(3)), nn.MSELoss(), nn.SmoothL1Loss(), nn.CTCLoss()])
    yield "parallel", nn.DataParallel(nn.Linear(2, 2))


def write(recorder):
    import torch
    warnings.simplefilter("ignore")
    torch.manual_seed(5)
    out = recorder.folder("torch")
    for name, module in modules(torch):
        torch.save(module.state_dict(), out.path(f"{name}_state.pt"))
        torch.save(module.state_dict(), out.path(f"{name}_state_legacy.pth"), _use_new_zipfile_serialization=False)
        torch.save(module, out.path(f"{name}_module.pt"))
        torch.save(module, out.path(f"{name}_module_legacy.bin"), _use_new_zipfile_serialization=False)
    write_tensors(out, torch)
    write_checkpoints(out, torch)
    write_scripts(out, torch)
    write_quantised(out, torch)


def write_tensors(out, torch):
    names = ("float32 float64 float16 bfloat16 complex32 complex64 complex128 uint8 int8 int16 int32 int64 bool uint16 uint32 uint64 "
             "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu")
    for name in names.split():
        dtype = getattr(torch, name, None)
        if dtype is not None:
            out.attempt(f"dtype_{name}.pt", lambda path: torch.save({"w": torch.zeros(4, dtype=torch.float32).to(dtype), "d": dtype}, path))
    base = torch.arange(24.0)
    torch.save({"all": base, "view": base[3:9], "matrix": base.view(4, 6), "transposed": base.view(4, 6).t(), "scalar": base.sum(),
                "empty": torch.empty(0, 3), "expanded": torch.ones(1).expand(5), "conj": torch.ones(2, dtype=torch.complex64).conj(),
                "negative": torch.ones(2, dtype=torch.complex64).conj().imag}, out.path("views.pt"))
    torch.save([torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0]), torch.eye(3).to_sparse_csr(), torch.eye(3).to_sparse_csc(),
                torch.eye(4).to_sparse_bsr((2, 2))], out.path("sparse.pt"))
    torch.save([torch.quantize_per_tensor(torch.ones(4), 0.1, 3, torch.qint8),
                torch.quantize_per_channel(torch.ones(2, 2), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0, torch.quint8)],
               out.path("quantised_tensors.pt"))
    with_attribute = torch.ones(2)
    with_attribute.note = "set by hand"
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.tag = [1, 2]
    torch.save([with_attribute, parameter, torch.nn.Buffer(torch.ones(1))], out.path("attributes.pt"))
    torch.save([torch.zeros(2, device="meta"), torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])], out.path("meta_and_nested.pt"))
    torch.save(torch.ones(3).untyped_storage(), out.path("storage.pt"))
    torch.save(torch.FloatStorage([1, 2]), out.path("typed_storage.pt"))
    for protocol in (2, 3, 4, 5):
        out.bytes(f"bare_tensor_p{protocol}.pkl", pickle.dumps({"t": torch.arange(4), "p": torch.nn.Parameter(torch.ones(2))}, protocol))
        torch.save({"w": torch.ones(2), "b": b"raw", "s": {1}}, out.path(f"pickle_protocol_{protocol}.pt"), pickle_protocol=protocol)




def write_checkpoints(out, torch):
    import numpy as np
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    for name in ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "NAdam", "LBFGS", "Adafactor"):
        options = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.1, **options)

        def closure():
            optimizer.zero_grad()
            loss = net(torch.ones(1, 4)).sum()
            loss.backward()
            return loss
        optimizer.step(closure)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
        torch.save({"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()},
                   out.path(f"checkpoint_{name.lower()}.ckpt"))
        torch.save([optimizer, scheduler], out.path(f"whole_{name.lower()}.pt"))
    extras = {
        "state_dict": net.state_dict(), "hparams": collections.OrderedDict(lr=0.1), "counts": collections.defaultdict(int, a=1),
        "args": argparse.Namespace(lr=0.1, save_dir=pathlib.PurePosixPath("runs/a"), dtype=torch.float16), "bytes": b"\x00\x01" * 20,
        "large": 2**80, "date": datetime.datetime(2024, 1, 1), "best": np.float64(0.9), "step": np.int64(5), "names": np.array(["a", "b"]),
        "rng": torch.get_rng_state(), "numpy_rng": np.random.RandomState(0).get_state(), "python_rng": __import__("random").Random(0).getstate(),
        "path": pathlib.Path("weights"), "device": torch.device("cpu"), "size": torch.Size([1, 2]), "set": {1, 2}, "complex": 1 + 2j,
        "slice": slice(1, 2), "source": "import os  # os.system('true') stands in a docstring", "namespace": types.SimpleNamespace(a=1),
        "layout": torch.strided, "scaler": {"scale": 65536.0, "growth_tracker": 0},
    }
    torch.save(extras, out.path("checkpoint_extras.ckpt"))
    torch.save(extras, out.path("checkpoint_extras_legacy.ckpt"), _use_new_zipfile_serialization=False)


def write_scripts(out, torch):
    class Branching(torch.nn.Module):
        def forward(self, x, times: int):
            if times > 0:
                for _ in range(times):
                    x = torch.relu(x) * 2
            return x, {"sum": x.sum()}

    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten()).eval()
    image = torch.zeros(1, 3, 6, 6)
    out.attempt("script.pt", lambda path: torch.jit.script(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())).save(path))
    out.attempt("script_control_flow.pt", lambda path: torch.jit.script(Branching()).save(path))
    out.attempt("script_lstm.pt", lambda path: torch.jit.script(torch.nn.LSTM(3, 4)).save(path))
    out.attempt("trace.pt", lambda path: torch.jit.trace(net, image).save(path))
    out.attempt("trace_extra_files.pt", lambda path: torch.jit.save(torch.jit.trace(net, image), path, {"labels.txt": "cat\ndog\n"}))
    out.attempt("frozen.pt", lambda path: torch.jit.freeze(torch.jit.script(net)).save(path))
    out.attempt("lite.ptl", lambda path: torch.jit.script(net)._save_for_lite_interpreter(path))
    out.attempt("exported.pt2", lambda path: torch.export.save(torch.export.export(torch.nn.Linear(4, 3), (torch.zeros(1, 4),)), path))
    out.attempt("graph_module.pt", lambda path: torch.save(torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())), path))


def write_quantised(out, torch):
    float_net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    dynamic = torch.ao.quantization.quantize_dynamic(float_net, {torch.nn.Linear}, torch.qint8)
    out.attempt("quantised_dynamic_state.pt", lambda path: torch.save(dynamic.state_dict(), path))
    out.attempt("quantised_dynamic_module.pt", lambda path: torch.save(dynamic, path))
