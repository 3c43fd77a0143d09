#include <catch2/catch.hpp>

#include <string>
#include <string_view>

#include "detect/torchscript_source/judge.hpp"

using namespace modelaudit;
using namespace modelaudit::detect;

namespace {

bool raises(std::string_view source, std::string_view rule) {
  for (const Finding& finding : judge_torchscript(source).findings) {
    if (finding.rule == rule) return true;
  }
  return false;
}

constexpr std::string_view k_ordinary = R"(op_version_set = 1
import __torch__.torch.nn.modules.container.___torch_mangle_6 as c
class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  names : Final[List[str]] = ['a']
  _is_full_backward_hook : Optional[bool]
  seq : __torch__.torch.nn.modules.container.Sequential
  def forward(self: __torch__.Net,
    x: Tensor,
    h: Optional[Tuple[Tensor, Tensor]]=None) -> Dict[str, Tensor]:
    _0 = uninitialized(Tensor)
    _1 = annotate(List[int], [])
    seq = self.seq
    first = getattr(seq, "0")
    y = torch.relu(torch.conv2d(x, CONSTANTS.c0, None, [1, 1]))
    if torch.__is__(h, None):
      ops.prim.RaiseException("eval(1) is a word here")
    else:
      z = unchecked_cast(Tuple[Tensor, Tensor], h)
    for i in range(3):
      w = torch.add(y, i, alpha=1)
    print("x", ops.prim.device(x))
    q = ops.quantized.linear_dynamic(x, 1)
    return {"a": torch.to(y, 6)}
  def __getstate__(self: __torch__.Net) -> int:
    return 1
class NT(NamedTuple):
  a : Tensor
def free(a: int) -> int:
  # type: (int) -> Tuple[int, int]
  return torch.add(a, 1)
)";

}  // namespace

TEST_CASE("what torch.jit writes is clean", "[torchscript]") {
  const auto judgement = judge_torchscript(k_ordinary);
  for (const Finding& finding : judgement.findings) UNSCOPED_INFO(finding.rule << " line " << finding.where.line.value_or(0));
  CHECK(judgement.findings.empty());
  CHECK(judgement.complete);
}

TEST_CASE("what the TorchScript compiler does not have is found", "[torchscript]") {
  CHECK(raises("import os\n", "torchscript-import"));
  CHECK(raises("from subprocess import run\n", "torchscript-import"));
  CHECK(raises("import __torch__x\n", "torchscript-import"));
  CHECK(raises("class M(Module):\n  import os\n", "torchscript-import"));
  CHECK(raises("os.system('id')\n", "torchscript-python"));
  CHECK(raises("class M(Module):\n  def f(self):\n    return eval('1')\n", "torchscript-python"));
  CHECK(raises("class M(Module):\n  def f(self):\n    return __import__('os')\n", "torchscript-python"));
  CHECK(raises("class M(Module):\n  def f(self):\n    return self.__class__\n", "torchscript-python"));
  CHECK(raises("@x\ndef f():\n  pass\n", "torchscript-python"));
  CHECK(raises("x = f()\n", "torchscript-python"));
  CHECK(raises("def f(a: eval('1')) -> int:\n  return 1\n", "torchscript-annotation"));
  CHECK(raises("def f(a: \"eval(1)\") -> int:\n  return 1\n", "torchscript-annotation"));
  CHECK(raises("def f(a):\n  # type: (int) -> eval('1')\n  return 1\n", "torchscript-annotation"));
  CHECK(raises("def f(a):\n  x = torch.distributed.rpc.rpc_async(a)\n", "torchscript-rpc"));
  CHECK(raises("def f(a: RemoteModule) -> int:\n  return 1\n", "torchscript-rpc"));
}

TEST_CASE("operators that touch files or need other libraries are found", "[torchscript]") {
  CHECK(raises("def f(x):\n  _0 = ops.aten.save([x], \"/root/.bashrc\")\n", "torchscript-file-operator"));
  CHECK(raises("def f(x):\n  return torch.from_file(\"/etc/passwd\", False, 10)\n", "torchscript-file-operator"));
  CHECK(raises("def f(x):\n  torch.save(x, 'y')\n", "torchscript-file-operator"));
  CHECK(raises("def f(x):\n  return ops.evil.run(x)\n", "torchscript-custom-operator"));
  CHECK_FALSE(raises("def f(x):\n  return ops.aten.add(x)\n", "torchscript-custom-operator"));
  CHECK_FALSE(raises("def f(x):\n  return self.ops.evil(x)\n", "torchscript-custom-operator"));
}

TEST_CASE("every prefix of the code and every flipped byte is judged", "[torchscript]") {
  for (std::size_t cut = 0; cut < k_ordinary.size(); ++cut) (void)judge_torchscript(k_ordinary.substr(0, cut));
  for (std::size_t at = 0; at < k_ordinary.size(); ++at) {
    std::string bent(k_ordinary);
    bent[at] = static_cast<char>(bent[at] ^ 0x20);
    CHECK(judge_torchscript(bent).findings == judge_torchscript(bent).findings);
  }
  CHECK(judge_torchscript("").findings.empty());
  CHECK(judge_torchscript(std::string(100'000, '(')).complete);
  CHECK(judge_torchscript("def f(x: \"\"\"open").complete);
}
