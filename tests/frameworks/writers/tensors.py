"""safetensors and GGUF files."""

LLAMA_TOOLS = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not tools_in_user_message is defined %}{%- set tools_in_user_message = true %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n" }}
{%- endif %}
{%- if tools is not none and not tools_in_user_message %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
{%- endif %}
{{- system_message }}{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("This model only supports single tool-calls at once!") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- "<|python_tag|>" + tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}
                {{- arg_name + '="' + arg_val + '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}
            {%- endfor %}{{- ")" }}
        {%- else %}{{- '{"name": "' + tool_call.name + '", "parameters": ' + (tool_call.arguments | tojson) + "}" }}{%- endif %}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
"""

QWEN = """{%- macro render_content(content) %}
    {%- if content is string %}{{- content }}
    {%- else %}{%- for item in content %}{%- if 'text' in item %}{{- item.text }}{%- elif 'image' in item %}{{- '<|vision_start|><|image_pad|><|vision_end|>' }}{%- endif %}{%- endfor %}{%- endif %}
{%- endmacro %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = render_content(message.content) %}
    {%- if message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + ('<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n' if loop.index0 > ns.last_query_index else '') + content }}
        {%- for tool_call in message.tool_calls or [] %}
            {{- '\\n<tool_call>\\n{"name": "' ~ tool_call.name ~ '", "arguments": ' ~ (tool_call.arguments if tool_call.arguments is string else tool_call.arguments | tojson) ~ '}\\n</tool_call>' }}
        {%- endfor %}{{- '<|im_end|>\\n' }}
    {%- else %}{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}{%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}
{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}{%- set tool = tool.function %}{{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}{%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}{{- "}}" }}{%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}{{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}{{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}
    {%- elif message["role"] == "assistant" %}{{- " " + message["content"]|trim + eos_token }}
    {%- else %}{{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}{%- endif %}
{%- endfor %}"""

CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")

ALPACA = ("{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + '\\n\\n' }}{% endif %}{% for m in messages %}{% if m['role'] == 'user' %}"
          "{{ '### Instruction:\\n' + m['content'].strip() + '\\n\\n' }}{% elif m['role'] == 'assistant' %}{{ '### Response:\\n' + m['content'] + '\\n\\n' }}"
          "{% endif %}{% if loop.last and add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}{% endfor %}")

TEMPLATES = {"llama_tools": LLAMA_TOOLS, "qwen": QWEN, "mistral": MISTRAL, "chatml": CHATML, "alpaca": ALPACA}


def write(recorder):
    write_safetensors(recorder.folder("safetensors"))
    write_gguf(recorder.folder("gguf"))


def write_safetensors(out):
    import numpy as np
    import safetensors.numpy
    import safetensors.torch
    import torch
    codes = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
    safetensors.numpy.save_file({f"t_{np.dtype(code).name}": np.zeros((2, 3), code) for code in codes}, out.path("numpy_types.safetensors"))
    safetensors.numpy.save_file({"empty": np.zeros((0, 4), "f4"), "scalar": np.array(1.5, "f4"), "wide": np.zeros((1, 1, 1, 5), "f4")},
                                out.path("corners.safetensors"))
    safetensors.numpy.save_file({}, out.path("nothing.safetensors"))
    names = "float32 float64 float16 bfloat16 uint8 int8 int16 int32 int64 bool uint16 uint32 uint64 float8_e4m3fn float8_e5m2 complex64"
    for name in names.split():
        out.attempt(f"torch_{name}.safetensors",
                    lambda path: safetensors.torch.save_file({"w": torch.zeros(4).to(getattr(torch, name)), "s": torch.tensor(1)}, path))
    blocks = {f"model.layers.{i}.{part}.weight": torch.randn(8, 8, generator=torch.Generator().manual_seed(i))
              for i in range(24) for part in ("q_proj", "k_proj", "v_proj", "o_proj")}
    safetensors.torch.save_file(blocks, out.path("decoder.safetensors"), metadata={"format": "pt"})
    safetensors.torch.save_file({"lora_A.weight": torch.ones(4, 2), "lora_B.weight": torch.zeros(2, 4)}, out.path("adapter_model.safetensors"),
                                metadata={"format": "pt", "ss_tag_frequency": '{"import": {"eval": 3}}', "ss_network_args": '{"x": "os.system"}',
                                          "modelspec.description": "see https://example.org/model <b>notes</b>"})


def write_gguf(out):
    import gguf
    import numpy as np
    rng = np.random.default_rng(2)
    for name, template in TEMPLATES.items():
        writer = gguf.GGUFWriter(out.path(f"chat_{name}.gguf"), "llama")
        writer.add_name("tiny")
        writer.add_description("a test file; nothing in it calls os.system or eval")
        writer.add_context_length(64)
        writer.add_embedding_length(32)
        writer.add_block_count(1)
        writer.add_head_count(4)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("gpt2")
        words = ["<s>", "</s>", "import", "Ġos", ".system", "eval", "(", ")", "__class__", "{{", "}}", "%}", "ünï", "\n"]
        writer.add_token_list(words)
        writer.add_token_types([3, 3] + [1] * (len(words) - 2))
        writer.add_token_merges(["i m", "im port", ". s"])
        writer.add_chat_template(template)
        writer.add_tensor("token_embd.weight", rng.normal(size=(len(words), 32)).astype("f4"))
        finish(writer)
    writer = gguf.GGUFWriter(out.path("quantised.gguf"), "llama")
    writer.add_uint8("a.uint8", 1)
    writer.add_int64("a.int64", -5)
    writer.add_float64("a.float64", 0.5)
    writer.add_bool("a.bool", True)
    writer.add_array("a.array", [1, 2, 3])
    writer.add_array("a.texts", ["x", "y"])
    weights = rng.normal(size=(4, 256)).astype("f4")
    for kind in ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0"):
        quantised_type = getattr(gguf.GGMLQuantizationType, kind)
        try:
            writer.add_tensor(f"blk.0.{kind.lower()}.weight", gguf.quants.quantize(weights, quantised_type), raw_dtype=quantised_type)
        except NotImplementedError:
            block, size = gguf.GGML_QUANT_SIZES[quantised_type]
            writer.add_tensor(f"blk.0.{kind.lower()}.weight", np.zeros((4, 256 // block * size), "u1"), raw_dtype=quantised_type)
    for code in ("f4", "f2", "f8", "i1", "i2", "i4", "i8"):
        writer.add_tensor(f"plain.{code}", np.ones((2, 2), code))
    finish(writer)
    writer = gguf.GGUFWriter(out.path("vocabulary_only.gguf"), "llama")
    writer.add_token_list([f"token{i}" for i in range(600)])
    writer.add_token_scores([0.0] * 600)
    finish(writer)
    writer = gguf.GGUFWriter(out.path("big_endian.gguf"), "llama", endianess=gguf.GGUFEndian.BIG)
    writer.add_tensor("w", np.ones((2, 32), "f4"))
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
