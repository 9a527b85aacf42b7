<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>Metric</name>
    <message>
        <source>CPU utilization</source>
        <translation>CPU 利用率</translation>
    </message>
    <message>
        <source>CPU cores of Inglenook</source>
        <translation>Inglenook 占用的核心</translation>
    </message>
    <message>
        <source>Memory used</source>
        <translation>已用内存</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Memory in use</source>
        <translation>内存占用</translation>
    </message>
    <message>
        <source>Memory of Inglenook</source>
        <translation>Inglenook 的内存</translation>
    </message>
    <message>
        <source>Free disk space</source>
        <translation>磁盘可用空间</translation>
    </message>
    <message>
        <source>Disk size</source>
        <translation>磁盘大小</translation>
    </message>
    <message>
        <source>GPU utilization</source>
        <translation>GPU 利用率</translation>
    </message>
    <message>
        <source>GPU memory used</source>
        <translation>已用显存</translation>
    </message>
    <message>
        <source>GPU memory</source>
        <translation>显存</translation>
    </message>
    <message>
        <source>GPU memory of Inglenook</source>
        <translation>Inglenook 的显存</translation>
    </message>
    <message>
        <source>GPU power</source>
        <translation>GPU 功率</translation>
    </message>
    <message>
        <source>GPU power limit</source>
        <translation>GPU 功率上限</translation>
    </message>
    <message>
        <source>GPU energy</source>
        <translation>GPU 能耗</translation>
    </message>
    <message>
        <source>GPU temperature</source>
        <translation>GPU 温度</translation>
    </message>
    <message>
        <source>GPU clock</source>
        <translation>GPU 频率</translation>
    </message>
    <message>
        <source>GPU memory clock</source>
        <translation>显存频率</translation>
    </message>
    <message>
        <source>GPU throttled</source>
        <translation>GPU 降频</translation>
    </message>
    <message>
        <source>PCIe out</source>
        <translation>PCIe 出</translation>
    </message>
    <message>
        <source>PCIe in</source>
        <translation>PCIe 入</translation>
    </message>
    <message>
        <source>NVLink out</source>
        <translation>NVLink 出</translation>
    </message>
    <message>
        <source>NVLink in</source>
        <translation>NVLink 入</translation>
    </message>
    <message>
        <source>Prompt tokens</source>
        <translation>提示词元</translation>
    </message>
    <message>
        <source>Generated tokens</source>
        <translation>生成词元</translation>
    </message>
    <message>
        <source>Cached tokens</source>
        <translation>缓存词元</translation>
    </message>
    <message>
        <source>Prefill</source>
        <translation>预填充</translation>
    </message>
    <message>
        <source>Decode</source>
        <translation>解码</translation>
    </message>
    <message>
        <source>Engine busy</source>
        <translation>引擎忙碌</translation>
    </message>
    <message>
        <source>Memory read</source>
        <translation>内存读取</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>Queued</source>
        <translation>排队</translation>
    </message>
    <message>
        <source>Finished requests</source>
        <translation>完成的请求</translation>
    </message>
    <message>
        <source>Failed requests</source>
        <translation>失败的请求</translation>
    </message>
    <message>
        <source>Refused requests</source>
        <translation>拒绝的请求</translation>
    </message>
    <message>
        <source>Errors</source>
        <translation>错误</translation>
    </message>
    <message>
        <source>Batch size</source>
        <translation>批大小</translation>
    </message>
    <message>
        <source>Prompts per chunk</source>
        <translation>每块提示数</translation>
    </message>
    <message>
        <source>Tokens in the KV cache</source>
        <translation>KV 缓存中的词元</translation>
    </message>
    <message>
        <source>KV pages used</source>
        <translation>已用 KV 页</translation>
    </message>
    <message>
        <source>KV pages</source>
        <translation>KV 页</translation>
    </message>
    <message>
        <source>KV cache in use</source>
        <translation>KV 缓存占用</translation>
    </message>
    <message>
        <source>KV fragmentation</source>
        <translation>KV 碎片</translation>
    </message>
    <message>
        <source>Workspace fragmentation</source>
        <translation>工作区碎片</translation>
    </message>
    <message>
        <source>Cache hits</source>
        <translation>缓存命中</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>Workspace</source>
        <translation>工作区</translation>
    </message>
    <message>
        <source>Open breakers</source>
        <translation>打开的熔断器</translation>
    </message>
    <message>
        <source>TTFT P50</source>
        <translation>首词元 P50</translation>
    </message>
    <message>
        <source>TTFT P95</source>
        <translation>首词元 P95</translation>
    </message>
    <message>
        <source>TTFT P99</source>
        <translation>首词元 P99</translation>
    </message>
    <message>
        <source>ITL P50</source>
        <translation>词元间隔 P50</translation>
    </message>
    <message>
        <source>ITL P95</source>
        <translation>词元间隔 P95</translation>
    </message>
    <message>
        <source>ITL P99</source>
        <translation>词元间隔 P99</translation>
    </message>
    <message>
        <source>Queue wait P95</source>
        <translation>排队 P95</translation>
    </message>
    <message>
        <source>Queue wait</source>
        <translation>排队时间</translation>
    </message>
    <message>
        <source>Time to the first token</source>
        <translation>首词元延迟</translation>
    </message>
    <message>
        <source>Time between tokens</source>
        <translation>词元间隔</translation>
    </message>
    <message>
        <source>Time of a request</source>
        <translation>请求总时长</translation>
    </message>
    <message>
        <source>Time held for batching</source>
        <translation>批处理等待时间</translation>
    </message>
</context>
<context>
    <name>Status</name>
    <message>
        <source>Done.</source>
        <translation>完成。</translation>
    </message>
    <message>
        <source>Cancelled.</source>
        <translation>已取消。</translation>
    </message>
    <message>
        <source>There is not enough memory: {need} needed, {free} free. Choose a smaller context, fewer bits for the weights, or a smaller model.</source>
        <translation>内存不足：需要 {need}，可用 {free}。请选择更小的上下文、位数更低的权重或更小的模型。</translation>
    </message>
    <message>
        <source>Inglenook met a state it should never be in ({detail}). Your text is kept; please report this.</source>
        <translation>Inglenook 出现了本不应有的状态（{detail}）。你的文字已保留，请报告此问题。</translation>
    </message>
    <message>
        <source>{file} cannot be opened: {reason}. Check the path and the permissions.</source>
        <translation>无法打开 {file}：{reason}。请检查路径和权限。</translation>
    </message>
    <message>
        <source>{file} could not be read at byte {offset}: {reason}. Check the disk, then try again.</source>
        <translation>读取 {file} 时在第 {offset} 字节处出错：{reason}。请检查磁盘后重试。</translation>
    </message>
    <message>
        <source>{file} could not be written: {reason}. Check free space and permissions, then try again.</source>
        <translation>无法写入 {file}：{reason}。请检查剩余空间和权限后重试。</translation>
    </message>
    <message>
        <source>{file} became shorter while it was being read. Do not overwrite a model that is in use; load it again.</source>
        <translation>{file} 在读取过程中变短了。请勿覆盖正在使用的模型，并重新加载它。</translation>
    </message>
    <message>
        <source>No model is loaded. Choose a model first.</source>
        <translation>尚未加载模型。请先选择模型。</translation>
    </message>
    <message>
        <source>This request is no longer known: it has ended already.</source>
        <translation>此请求已结束，不再有记录。</translation>
    </message>
    <message>
        <source>The conversation needs {tokens} tokens, but the context holds {limit}. Shorten it, start a new chat, or load the model with a larger context.</source>
        <translation>对话需要 {tokens} 个词元，而上下文只能容纳 {limit} 个。请缩短内容、新建对话，或以更大的上下文加载模型。</translation>
    </message>
    <message>
        <source>The prompt is empty: there is nothing to answer.</source>
        <translation>提示为空，没有可回答的内容。</translation>
    </message>
    <message>
        <source>{option} cannot be {value}: {expected}.</source>
        <translation>{option} 不能为 {value}：{expected}。</translation>
    </message>
    <message>
        <source>The engine has been shut down.</source>
        <translation>引擎已关闭。</translation>
    </message>
    <message>
        <source>{device} stopped answering ({reason}). Your text is kept; continue on the CPU or restart Inglenook.</source>
        <translation>{device} 停止响应（{reason}）。你的文字已保留，请改用 CPU 继续，或重新启动 Inglenook。</translation>
    </message>
    <message>
        <source>{file} is neither a GGUF file nor a Hugging Face folder ({problem}). Choose a .gguf file, or a folder that holds config.json and safetensors.</source>
        <translation>{file} 既不是 GGUF 文件，也不是 Hugging Face 文件夹（{problem}）。请选择 .gguf 文件，或包含 config.json 和 safetensors 的文件夹。</translation>
    </message>
    <message>
        <source>{file} is damaged: {field} {problem}. Download it again.</source>
        <translation>{file} 已损坏：{field} {problem}。请重新下载。</translation>
    </message>
    <message>
        <source>{file} lacks {field}. Download it again, or convert the model with a current converter.</source>
        <translation>{file} 缺少 {field}。请重新下载，或用最新的转换工具转换模型。</translation>
    </message>
    <message>
        <source>{file} states {field} as {value}, but {expected}. Download it again, or convert the model with a current converter.</source>
        <translation>{file} 中 {field} 的值为 {value}，但是 {expected}。请重新下载，或用最新的转换工具转换模型。</translation>
    </message>
    <message>
        <source>{file} uses {field} = {value}, which this version does not compute; {supported}. Choose another model or another conversion of it.</source>
        <translation>{file} 使用了 {field} = {value}，本版本无法计算；{supported}。请选择其他模型，或该模型的其他转换版本。</translation>
    </message>
    <message>
        <source>{file} holds a model of the architecture {architecture}, which is not known here. Models of the architectures llama, qwen2 and qwen3 work: choose one of these.</source>
        <translation>{file} 中的模型采用未知架构 {architecture}。支持的架构有 llama、qwen2 和 qwen3，请选择其中之一。</translation>
    </message>
    <message>
        <source>{file} holds a {architecture} model, which is known but not supported by this version. Choose a llama, qwen2, qwen3 or gpt2 model, such as a DeepSeek-R1-Distill.</source>
        <translation>{file} 中是 {architecture} 模型，本版本能识别但尚不支持。请选择 llama、qwen2、qwen3 或 gpt2 模型，例如 DeepSeek-R1-Distill。</translation>
    </message>
    <message>
        <source>{file} lacks the tensor {tensor}. Download it again, or convert the model with a current converter.</source>
        <translation>{file} 缺少张量 {tensor}。请重新下载，或用最新的转换工具转换模型。</translation>
    </message>
    <message>
        <source>{file} holds the tensor {tensor} with shape {value}, but {expected} is needed. Download it again, or convert the model with a current converter.</source>
        <translation>{file} 中张量 {tensor} 的形状为 {value}，而应为 {expected}。请重新下载，或用最新的转换工具转换模型。</translation>
    </message>
    <message>
        <source>The tensor {tensor} in {file} holds values that are not numbers or too large (row {row}). The file is damaged: download it again.</source>
        <translation>{file} 中的张量 {tensor} 含有非数值或过大的值（第 {row} 行）。文件已损坏，请重新下载。</translation>
    </message>
    <message>
        <source>{file} belongs to a model in {count} parts: {problem}. Put all parts into one folder.</source>
        <translation>{file} 属于一个由 {count} 个分卷组成的模型：{problem}。请将所有分卷放入同一文件夹。</translation>
    </message>
    <message>
        <source>{file} is not usable JSON: {problem}. Download it again.</source>
        <translation>{file} 不是可用的 JSON：{problem}。请重新下载。</translation>
    </message>
    <message>
        <source>{file} holds a tokenizer that cannot work: {field} {problem}. Download it again, or convert the model with a current converter.</source>
        <translation>{file} 中的分词器无法工作：{field} {problem}。请重新下载，或用最新的转换工具转换模型。</translation>
    </message>
    <message>
        <source>{file} holds no tokenizer. Choose a model that brings one: GGUF with tokenizer.ggml.tokens, or a folder with tokenizer.json.</source>
        <translation>{file} 中没有分词器。请选择自带分词器的模型：含 tokenizer.ggml.tokens 的 GGUF，或含 tokenizer.json 的文件夹。</translation>
    </message>
    <message>
        <source>{model} computed numbers that are not finite at position {position}. The file may be damaged: load it again, or run it with more bits.</source>
        <translation>{model} 在位置 {position} 算出了非有限的数值。文件可能已损坏：请重新加载，或以更高位数运行。</translation>
    </message>
    <message>
        <source>{model} has no tokenizer, so it cannot take text. Choose a model file with its tokenizer.</source>
        <translation>{model} 没有分词器，无法接受文本。请选择带有分词器的模型文件。</translation>
    </message>
    <message>
        <source>{file} is not a golden file for this model: {field} is {value}. Make it with the same vocabulary.</source>
        <translation>{file} 不是此模型的基准文件：{field} 为 {value}。请用相同的词表重新生成。</translation>
    </message>
    <message>
        <source>The text has only {tokens} tokens, and at least {least} are needed. Use a longer text.</source>
        <translation>文本只有 {tokens} 个词元，至少需要 {least} 个。请使用更长的文本。</translation>
    </message>
    <message>
        <source>The tokenizer of this model is inconsistent: {detail}. The file is damaged or was converted wrongly; get it again from its publisher.</source>
        <translation>此模型的分词器前后矛盾：{detail}。文件已损坏或转换有误，请从发布者处重新获取。</translation>
    </message>
    <message>
        <source>The tokenizer needs {part}, which Inglenook does not support. Choose a model with a BPE or SentencePiece tokenizer, or a GGUF conversion of this one.</source>
        <translation>分词器需要 {part}，而 Inglenook 不支持它。请选择使用 BPE 或 SentencePiece 分词器的模型，或此模型的 GGUF 转换版本。</translation>
    </message>
    <message>
        <source>The tokenizer&apos;s splitting expression {regex} does not compile at character {offset}: {reason}. The file is damaged or was converted wrongly; get it again from its publisher.</source>
        <translation>分词器的切分表达式 {regex} 在第 {offset} 个字符处无法编译：{reason}。文件已损坏或转换有误，请从发布者处重新获取。</translation>
    </message>
    <message>
        <source>The chat template cannot be read, line {line}: {detail}. Choose another template for this model, or ChatML.</source>
        <translation>无法解析对话模板，第 {line} 行：{detail}。请为此模型选择其他模板或 ChatML。</translation>
    </message>
    <message>
        <source>The chat template stopped at line {line}: {detail}. Choose another template for this model, or ChatML.</source>
        <translation>对话模板在第 {line} 行中止：{detail}。请为此模型选择其他模板或 ChatML。</translation>
    </message>
    <message>
        <source>The chat template was stopped at line {line}: it needs more than {limit} {what}. Choose another template for this model, or ChatML.</source>
        <translation>对话模板在第 {line} 行被中止：所需超过 {limit} {what}。请为此模型选择其他模板或 ChatML。</translation>
    </message>
    <message>
        <source>The chat template refuses this conversation: {detail}. Change the conversation, or choose another template.</source>
        <translation>对话模板拒绝此对话：{detail}。请修改对话，或选择其他模板。</translation>
    </message>
    <message>
        <source>{file} cannot be used: {field} {reason}. Get the file again from the model&apos;s publisher.</source>
        <translation>无法使用 {file}：{field} {reason}。请从模型发布者处重新获取该文件。</translation>
    </message>
    <message>
        <source>This installation has no built-in model. Name one: a .gguf file or a folder with config.json and safetensors.</source>
        <translation>此安装不含内置模型。请指定一个：.gguf 文件，或包含 config.json 和 safetensors 的文件夹。</translation>
    </message>
    <message>
        <source>{file} could not be written because the disk is full. Free some space; what is not saved yet stays in memory and is saved as soon as there is room.</source>
        <translation>磁盘已满，无法写入 {file}。请释放一些空间；尚未保存的内容留在内存中，一有空间便会保存。</translation>
    </message>
    <message>
        <source>{file} cannot be opened: {reason}. Check the disk and the permissions of its folder, or start with another --data-dir.</source>
        <translation>无法打开 {file}：{reason}。请检查磁盘和所在文件夹的权限，或用 --data-dir 指定其他目录启动。</translation>
    </message>
    <message>
        <source>{file} could not be written: {reason}. Check the disk; what is not saved yet stays in memory and is tried again.</source>
        <translation>无法写入 {file}：{reason}。请检查磁盘；尚未保存的内容留在内存中，稍后会重试。</translation>
    </message>
    <message>
        <source>{file} can be read but not written: {reason}. New messages cannot be stored; check the permissions of its folder.</source>
        <translation>{file} 可读但不可写：{reason}。新消息无法保存，请检查所在文件夹的权限。</translation>
    </message>
    <message>
        <source>{file} was written by a newer Inglenook (schema {found}, this one knows {known}). It was left untouched; use the newer version, or start with another --data-dir.</source>
        <translation>{file} 由更新版本的 Inglenook 写入（结构版本 {found}，本版本只认识 {known}）。文件未作改动；请使用新版本，或用 --data-dir 指定其他目录启动。</translation>
    </message>
    <message>
        <source>{file} is damaged: {reason}. Restart Inglenook: it keeps the damaged file aside and reads back what it can.</source>
        <translation>{file} 已损坏：{reason}。请重新启动 Inglenook：它会另存损坏的文件，并尽可能找回内容。</translation>
    </message>
    <message>
        <source>{file} was damaged ({reason}). The original is kept as {aside}; {messages} messages in {conversations} chats were read back.</source>
        <translation>{file} 曾损坏（{reason}）。原文件保存为 {aside}；已找回 {conversations} 个对话中的 {messages} 条消息。</translation>
    </message>
    <message>
        <source>{file} could not be used ({reason}). It is kept as {aside}, and an empty one serves; your chats are not in it.</source>
        <translation>无法使用 {file}（{reason}）。原文件保存为 {aside}，现改用空文件，其中没有你的对话。</translation>
    </message>
    <message>
        <source>{file} could not be brought to schema {version}: {reason}. It was left as it was; free some space or check the disk, then start again.</source>
        <translation>无法将 {file} 升级到结构版本 {version}：{reason}。文件保持原样；请释放空间或检查磁盘，然后重新启动。</translation>
    </message>
    <message>
        <source>{file} could not be backed up to {backup}: {reason}. Nothing was changed; free some space, then start again.</source>
        <translation>无法将 {file} 备份到 {backup}：{reason}。未作任何改动；请释放一些空间，然后重新启动。</translation>
    </message>
    <message>
        <source>This chat is no longer there. It may have been deleted; look in the trash.</source>
        <translation>此对话已不存在。它可能已被删除，请到回收站查找。</translation>
    </message>
    <message>
        <source>{file} could not be understood. It is kept as {aside}, and the default settings serve.</source>
        <translation>无法解析 {file}。原文件保存为 {aside}，现使用默认设置。</translation>
    </message>
    <message>
        <source>The last session ended while {model} was being loaded, so it was not loaded by itself this time. Choose it again to try once more.</source>
        <translation>上次运行在加载 {model} 时中断，因此这次没有自动加载。如要重试，请再次选择它。</translation>
    </message>
    <message>
        <source>Another Inglenook is using {dir}. Close it, switch its API on there, or start with another --data-dir.</source>
        <translation>另一个 Inglenook 正在使用 {dir}。请关闭它、在其中开启 API，或用 --data-dir 指定其他目录启动。</translation>
    </message>
    <message>
        <source>The answer was stopped because the window did not take its text for too long. Press Continue to go on.</source>
        <translation>窗口过久没有接收文字，回答已停止。按“继续”可接着生成。</translation>
    </message>
    <message>
        <source>An answer is running in this chat. Stop it or wait for its end, then try again.</source>
        <translation>此对话中有回答正在生成。请停止它或等它结束后重试。</translation>
    </message>
    <message>
        <source>{device} does not measure its single stages. Leave out --stages and --check, or choose another device.</source>
        <translation>{device} 不提供单个阶段的测量。请去掉 --stages 和 --check，或选择其他设备。</translation>
    </message>
    <message>
        <source>The limit of {limit} for {client} is used up. Try again in {retry_after_s} seconds.</source>
        <translation>{client} 的限额 {limit} 已用完。请在 {retry_after_s} 秒后重试。</translation>
    </message>
    <message>
        <source>{waiting} requests are waiting already, and at most {limit} may. Try again in {retry_after_s} seconds.</source>
        <translation>已有 {waiting} 个请求在等待，最多允许 {limit} 个。请在 {retry_after_s} 秒后重试。</translation>
    </message>
    <message>
        <source>The machine is overloaded (rule: {rule}), so requests of this priority are refused for a while. Try again in {retry_after_s} seconds.</source>
        <translation>机器负载过高（规则：{rule}），暂时拒绝此优先级的请求。请在 {retry_after_s} 秒后重试。</translation>
    </message>
    <message>
        <source>The request waited {waited_s} seconds, and its deadline passed before its turn came. Send it again when fewer requests are waiting.</source>
        <translation>请求等待了 {waited_s} 秒，尚未轮到就已超过期限。请在等待的请求较少时重新发送。</translation>
    </message>
    <message>
        <source>The prompt has {tokens} tokens, but a request may have at most {limit}. Shorten it.</source>
        <translation>提示词有 {tokens} 个词元，而每个请求最多允许 {limit} 个。请缩短它。</translation>
    </message>
    <message>
        <source>{model} does not fit into memory beside {resident}, which is answering {count} requests. Wait until they have ended, end them now, or choose a smaller model.</source>
        <translation>{model} 无法与正在回答 {count} 个请求的 {resident} 同时放入内存。请等这些回答结束、立即结束它们，或选择更小的模型。</translation>
    </message>
    <message>
        <source>The API cannot listen on {address}: {reason}. Choose another port, or 0 for a free one.</source>
        <translation>API 无法在 {address} 上监听：{reason}。请换一个端口，或用 0 自动选择空闲端口。</translation>
    </message>
    <message>
        <source>{address} can be reached from other computers, so the API needs a key there. Make a key first, or listen on 127.0.0.1.</source>
        <translation>其他计算机可以访问 {address}，因此 API 在那里需要密钥。请先创建密钥，或改为监听 127.0.0.1。</translation>
    </message>
    <message>
        <source>{host} cannot be reached: {reason}. Check the network and the proxy, or choose another source.</source>
        <translation>无法连接 {host}：{reason}。请检查网络和代理，或选择其他来源。</translation>
    </message>
    <message>
        <source>{host} does not give out {file} (status {status}). Accept the model&apos;s licence on its web page if it asks for that, and put a token with read access into the download settings.</source>
        <translation>{host} 不提供 {file}（状态 {status}）。如其要求，请在其网页上接受模型许可，并在下载设置中填入有读取权限的令牌。</translation>
    </message>
    <message>
        <source>{host} does not have {file}. It may have been renamed or withdrawn: search for it again, or choose another source.</source>
        <translation>{host} 没有 {file}。它可能已改名或撤回：请重新搜索，或选择其他来源。</translation>
    </message>
    <message>
        <source>{host} is overloaded (status {status}) and asks to come back in {retry_after_s} seconds. Try again then, or choose another source.</source>
        <translation>{host} 过载（状态 {status}），要求 {retry_after_s} 秒后再来。请届时重试，或选择其他来源。</translation>
    </message>
    <message>
        <source>{host} failed with status {status} while {file} was asked for. Try again later, or choose another source.</source>
        <translation>请求 {file} 时 {host} 出错（状态 {status}）。请稍后重试，或选择其他来源。</translation>
    </message>
    <message>
        <source>The transfer of {file} from {host} broke off at byte {offset}: {reason}. What came is kept; try again to go on from there.</source>
        <translation>从 {host} 传输 {file} 时在第 {offset} 字节处中断：{reason}。已收到的内容会保留；重试即可从那里继续。</translation>
    </message>
    <message>
        <source>{host} sends {file} with {found} bytes, but {expected} are published. It was not kept; list the files again, or choose another source.</source>
        <translation>{host} 发来的 {file} 有 {found} 字节，而公布的是 {expected} 字节。未予保留；请重新列出文件，或选择其他来源。</translation>
    </message>
    <message>
        <source>{file} does not match its published checksum, so it was thrown away. Try again, or choose another source.</source>
        <translation>{file} 与公布的校验和不符，已丢弃。请重试，或选择其他来源。</translation>
    </message>
    <message>
        <source>{host} answers for {file} in a way that cannot be used: {problem}. Try again later, or choose another source.</source>
        <translation>{host} 对 {file} 的应答无法使用：{problem}。请稍后重试，或选择其他来源。</translation>
    </message>
    <message>
        <source>{host} sent a web page instead of {file}. If this network asks you to sign in, do that in a browser, then try again.</source>
        <translation>{host} 发来的是网页而不是 {file}。如果此网络要求登录，请先在浏览器中登录，然后重试。</translation>
    </message>
    <message>
        <source>{file} needs {need}, but only {free} are free in {folder}. Free some space, or choose a smaller file.</source>
        <translation>{file} 需要 {need}，而 {folder} 中只剩 {free}。请腾出空间，或选择较小的文件。</translation>
    </message>
    <message>
        <source>{host} calls a file {file}, which could lead out of the folder for models. It was not fetched; choose another source.</source>
        <translation>{host} 把一个文件命名为 {file}，可能会越出模型文件夹。未予获取；请选择其他来源。</translation>
    </message>
    <message>
        <source>{address} cannot be used: {expected}. Correct it, then try again.</source>
        <translation>{address} 无法使用：{expected}。请更正后重试。</translation>
    </message>
    <message>
        <source>The desktop&apos;s keyring cannot be used ({reason}), so the token is kept in memory only and is gone when Inglenook ends. Start a keyring service, such as GNOME Keyring or KWallet, to keep it.</source>
        <translation>无法使用桌面的密钥环（{reason}），因此令牌只保存在内存中，Inglenook 结束后即消失。要保留它，请启动密钥环服务，例如 GNOME Keyring 或 KWallet。</translation>
    </message>
    <message>
        <source>{model} cannot go back to this version: {problem}. Nothing was changed; download the version again.</source>
        <translation>{model} 无法回到此版本：{problem}。未作任何更改；请重新下载该版本。</translation>
    </message>
    <message>
        <source>{name} is the name of {count} models: {list}. Name one of them by its path.</source>
        <translation>有 {count} 个模型都叫 {name}：{list}。请用路径指明其中一个。</translation>
    </message>
    <message>
        <source>{file} is there already. Choose another name.</source>
        <translation>{file} 已经存在。请换一个名称。</translation>
    </message>
    <message>
        <source>weights are floats or quantized blocks</source>
        <translation>权重须为浮点数或量化块</translation>
    </message>
    <message>
        <source>a tensor</source>
        <translation>张量</translation>
    </message>
    <message>
        <source>none, linear and yarn work</source>
        <translation>可用的有 none、linear 和 yarn</translation>
    </message>
    <message>
        <source>keys and values have one size</source>
        <translation>键与值的大小须相同</translation>
    </message>
    <message>
        <source>models without experts work</source>
        <translation>可用的是没有专家的模型</translation>
    </message>
    <message>
        <source>is cut off at the end of the file</source>
        <translation>在文件末尾被截断</translation>
    </message>
    <message>
        <source>is given by two parts</source>
        <translation>在两个部分中重复出现</translation>
    </message>
    <message>
        <source>a metadata type</source>
        <translation>某个元数据的类型</translation>
    </message>
    <message>
        <source>an array&apos;s length</source>
        <translation>某个数组的长度</translation>
    </message>
    <message>
        <source>is an array of arrays</source>
        <translation>是数组的数组</translation>
    </message>
    <message>
        <source>a string&apos;s length</source>
        <translation>某个字符串的长度</translation>
    </message>
    <message>
        <source>a string in an array</source>
        <translation>数组中的某个字符串</translation>
    </message>
    <message>
        <source>an array</source>
        <translation>某个数组</translation>
    </message>
    <message>
        <source>a metadata value</source>
        <translation>某个元数据的值</translation>
    </message>
    <message>
        <source>a truth value</source>
        <translation>某个真假值</translation>
    </message>
    <message>
        <source>is neither true nor false</source>
        <translation>既不是真也不是假</translation>
    </message>
    <message>
        <source>a metadata string</source>
        <translation>某个元数据字符串</translation>
    </message>
    <message>
        <source>is not UTF-8 text</source>
        <translation>不是 UTF-8 文本</translation>
    </message>
    <message>
        <source>a metadata key</source>
        <translation>某个元数据的键</translation>
    </message>
    <message>
        <source>is no plain name</source>
        <translation>不是普通名称</translation>
    </message>
    <message>
        <source>is given twice</source>
        <translation>重复出现</translation>
    </message>
    <message>
        <source>a tensor&apos;s type</source>
        <translation>某个张量的类型</translation>
    </message>
    <message>
        <source>F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K work</source>
        <translation>可用的有 F32、F16、BF16、Q8_0、Q4_0、Q4_1、Q5_0、Q5_1、Q4_K、Q5_K 和 Q6_K</translation>
    </message>
    <message>
        <source>a tensor&apos;s name</source>
        <translation>某个张量的名称</translation>
    </message>
    <message>
        <source>a tensor&apos;s dimension count</source>
        <translation>某个张量的维数</translation>
    </message>
    <message>
        <source>a tensor&apos;s dimension</source>
        <translation>某个张量的维度</translation>
    </message>
    <message>
        <source>a tensor&apos;s offset</source>
        <translation>某个张量的偏移</translation>
    </message>
    <message>
        <source>cannot be: a dimension is zero, too large, or no whole block</source>
        <translation>不成立：某个维度为零、过大，或不是整块</translation>
    </message>
    <message>
        <source>the tensor data</source>
        <translation>张量数据</translation>
    </message>
    <message>
        <source>is missing</source>
        <translation>缺失</translation>
    </message>
    <message>
        <source>is not aligned</source>
        <translation>没有对齐</translation>
    </message>
    <message>
        <source>reaches beyond the end of the file</source>
        <translation>超出了文件末尾</translation>
    </message>
    <message>
        <source>overlaps another tensor</source>
        <translation>与另一个张量重叠</translation>
    </message>
    <message>
        <source>leaves a hole before it</source>
        <translation>前面留有空隙</translation>
    </message>
    <message>
        <source>the end of the file</source>
        <translation>文件末尾</translation>
    </message>
    <message>
        <source>holds bytes that belong to no tensor</source>
        <translation>含有不属于任何张量的字节</translation>
    </message>
    <message>
        <source>the file</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>is empty or nearly so</source>
        <translation>是空的或几乎是空的</translation>
    </message>
    <message>
        <source>the first word</source>
        <translation>开头的标记</translation>
    </message>
    <message>
        <source>it does not begin with GGUF</source>
        <translation>开头不是 GGUF</translation>
    </message>
    <message>
        <source>the version</source>
        <translation>版本号</translation>
    </message>
    <message>
        <source>GGUF version</source>
        <translation>GGUF 版本</translation>
    </message>
    <message>
        <source>big-endian</source>
        <translation>大端序</translation>
    </message>
    <message>
        <source>versions 2 and 3, little-endian, work</source>
        <translation>可用的是小端序的第 2 版和第 3 版</translation>
    </message>
    <message>
        <source>the tensor count</source>
        <translation>张量数</translation>
    </message>
    <message>
        <source>the metadata count</source>
        <translation>元数据数</translation>
    </message>
    <message>
        <source>is not an unsigned 32-bit number</source>
        <translation>不是无符号 32 位数</translation>
    </message>
    <message>
        <source>has another length than the tokens</source>
        <translation>的长度与词元不同</translation>
    </message>
    <message>
        <source>byte-level BPE (gpt2) and SentencePiece (llama) work</source>
        <translation>可用的有字节级 BPE（gpt2）和 SentencePiece（llama）</translation>
    </message>
    <message>
        <source>plain yarn works</source>
        <translation>可用的是普通的 yarn</translation>
    </message>
    <message>
        <source>it is an object</source>
        <translation>它应为对象</translation>
    </message>
    <message>
        <source>default, linear, llama3 and yarn work</source>
        <translation>可用的有 default、linear、llama3 和 yarn</translation>
    </message>
    <message>
        <source>F32, F16 and BF16 safetensors and GGUF work</source>
        <translation>可用的有 F32、F16、BF16 的 safetensors 以及 GGUF</translation>
    </message>
    <message>
        <source>silu works</source>
        <translation>可用的是 silu</translation>
    </message>
    <message>
        <source>models without these biases work</source>
        <translation>可用的是没有这些偏置的模型</translation>
    </message>
    <message>
        <source>full attention works</source>
        <translation>可用的是完整注意力</translation>
    </message>
    <message>
        <source>is no id of the vocabulary</source>
        <translation>不是词表中的编号</translation>
    </message>
    <message>
        <source>the vocabulary</source>
        <translation>词表</translation>
    </message>
    <message>
        <source>it has no config.json</source>
        <translation>其中没有 config.json</translation>
    </message>
    <message>
        <source>it has no model.safetensors</source>
        <translation>其中没有 model.safetensors</translation>
    </message>
    <message>
        <source>it names a .safetensors file in the same folder</source>
        <translation>它应指出同一文件夹中的 .safetensors 文件</translation>
    </message>
    <message>
        <source>names too many files</source>
        <translation>列出的文件过多</translation>
    </message>
    <message>
        <source>F32, F16 and BF16 work</source>
        <translation>可用的有 F32、F16 和 BF16</translation>
    </message>
    <message>
        <source>is empty or too long</source>
        <translation>为空或过长</translation>
    </message>
    <message>
        <source>the header</source>
        <translation>文件头</translation>
    </message>
    <message>
        <source>is not {dtype, shape, data_offsets}</source>
        <translation>不是 {dtype, shape, data_offsets}</translation>
    </message>
    <message>
        <source>cannot be: a dimension is zero or too large</source>
        <translation>不成立：某个维度为零或过大</translation>
    </message>
    <message>
        <source>does not have the size of its shape and type</source>
        <translation>与其形状和类型的大小不符</translation>
    </message>
    <message>
        <source>lists too many tensors</source>
        <translation>列出的张量过多</translation>
    </message>
    <message>
        <source>the header&apos;s length</source>
        <translation>文件头的长度</translation>
    </message>
    <message>
        <source>does not begin with {</source>
        <translation>开头不是 {</translation>
    </message>
    <message>
        <source>it was not downloaded from a hub that could have a newer one</source>
        <translation>它不是从可能有新版本的站点下载的</translation>
    </message>
    <message>
        <source>it was moved or copied here from the folder that downloads keep it in, so that an update would not come to it</source>
        <translation>它是从下载时所在的文件夹移动或复制过来的，更新不会到达这里</translation>
    </message>
    <message>
        <source>a download for it is running; pause it first</source>
        <translation>它的一个下载正在进行，请先暂停</translation>
    </message>
    <message>
        <source>a redirect to something that is not on the web</source>
        <translation>重定向到了不是网页地址的目标</translation>
    </message>
    <message>
        <source>a redirect from https to http, which anybody could change</source>
        <translation>从 https 重定向到任何人都能篡改的 http</translation>
    </message>
    <message>
        <source>a redirect into this computer&apos;s own network</source>
        <translation>重定向到了这台计算机自己的网络</translation>
    </message>
    <message>
        <source>it divides n_embd</source>
        <translation>它能整除 n_embd</translation>
    </message>
    <message>
        <source>gelu_new works</source>
        <translation>可用的是 gelu_new</translation>
    </message>
    <message>
        <source>attention is scaled by the head size</source>
        <translation>注意力按头的大小缩放</translation>
    </message>
    <message>
        <source>models without an encoder work</source>
        <translation>可用的是没有编码器的模型</translation>
    </message>
    <message>
        <source>there is no NVIDIA driver, or it is older than this program needs; install or update the driver</source>
        <translation>没有 NVIDIA 驱动，或其版本低于本程序的要求；请安装或更新驱动</translation>
    </message>
    <message>
        <source>the NVIDIA driver was updated while it was running; restart the computer</source>
        <translation>NVIDIA 驱动在运行时被更新；请重新启动计算机</translation>
    </message>
    <message>
        <source>no NVIDIA GPU was found</source>
        <translation>未找到 NVIDIA GPU</translation>
    </message>
    <message>
        <source>these GPUs cannot reach each other&apos;s memory</source>
        <translation>这些 GPU 无法访问彼此的显存</translation>
    </message>
    <message>
        <source>its library does not open</source>
        <translation>它的库无法打开</translation>
    </message>
    <message>
        <source>its library belongs to another version of Inglenook</source>
        <translation>它的库属于另一个版本的 Inglenook</translation>
    </message>
    <message>
        <source>there is no device of that number</source>
        <translation>没有该编号的设备</translation>
    </message>
    <message>
        <source>{device} cannot be used: {reason}. Choose the device cpu or auto.</source>
        <translation>无法使用 {device}：{reason}。请选择设备 cpu 或 auto。</translation>
    </message>
    <message>
        <source>The certificate of {host} is not to be trusted ({reason}), so that somebody else may answer in its place; nothing was sent to it. Check this computer&apos;s clock and the network&apos;s proxy, or choose another source.</source>
        <translation>{host} 的证书不可信（{reason}），可能有人冒充它应答；没有向它发送任何内容。请检查本机时钟和网络代理，或选择其他来源。</translation>
    </message>
    <message>
        <source>{model} cannot be updated: {problem}. Nothing was changed; download the model anew in “Get models”.</source>
        <translation>无法更新 {model}：{problem}。未作任何更改；请在“获取模型”中重新下载该模型。</translation>
    </message>
    <message>
        <source>it is not kept any more</source>
        <translation>该版本已不再保留</translation>
    </message>
    <message>
        <source>a file of it is no longer on the disk</source>
        <translation>它的一个文件已不在磁盘上</translation>
    </message>
    <message>
        <source>another program has it for itself, or it stopped during this session; end that program or restart Inglenook</source>
        <translation>另一个程序独占了它，或者它在本次会话中停止了；请结束那个程序或重新启动 Inglenook</translation>
    </message>
    <message>
        <source>it stopped answering; restart Inglenook to use it again</source>
        <translation>它已停止响应；请重新启动 Inglenook 后再使用</translation>
    </message>
    <message>
        <source>a step did not end, long after it should have</source>
        <translation>一个计算步骤远超应有时间仍未结束</translation>
    </message>
    <message>
        <source>its memory is full; end programs that use it</source>
        <translation>它的显存已满；请结束占用它的程序</translation>
    </message>
    <message>
        <source>this installation has no CUDA library</source>
        <translation>此安装不含 CUDA 库</translation>
    </message>
    <message>
        <source>{device} cannot be used: {reason}. Choose the device cpu to go on without it.</source>
        <translation>无法使用 {device}：{reason}。请将设备设为 cpu，以便在没有它的情况下继续。</translation>
    </message>
</context>
<context>
    <name>app::AgentPrompt</name>
    <message>
        <source>You are: %1.</source>
        <translation>你的角色是：%1。</translation>
    </message>
    <message>
        <source>Material</source>
        <translation>材料</translation>
    </message>
    <message>
        <source>Your role</source>
        <translation>你的角色</translation>
    </message>
    <message>
        <source>Answer of %1</source>
        <translation>%1 的回答</translation>
    </message>
    <message>
        <source>Answer of %1, not complete</source>
        <translation>%1 的回答（未完成）</translation>
    </message>
</context>
<context>
    <name>app::AgentRuns</name>
    <message>
        <source>Say what the agents are to do first.</source>
        <translation>请先写明要智能体做什么。</translation>
    </message>
    <message>
        <source>Choose at least one agent.</source>
        <translation>请至少选择一个智能体。</translation>
    </message>
    <message>
        <source>At most %1 agents can answer side by side. Choose fewer.</source>
        <translation>最多可以有 %1 个智能体并排回答，请少选几个。</translation>
    </message>
    <message>
        <source>There is no answer yet that %1 could work with.</source>
        <translation>还没有可供“%1”使用的回答。</translation>
    </message>
    <message>
        <source>This run is not in the history any more.</source>
        <translation>历史记录中已经没有这次运行。</translation>
    </message>
    <message>
        <source>%1 has used up its budget of %2 tokens. Open it as a chat to go on.</source>
        <translation>“%1”已用完 %2 个词元的预算。要继续，请把它作为对话打开。</translation>
    </message>
</context>
<context>
    <name>app::Agents</name>
    <message>
        <source>Critic</source>
        <translation>批评者</translation>
    </message>
    <message>
        <source>Look for what is wrong: mistakes, gaps, claims without support. Name each one, say why it matters, and how to mend it. Do not praise.</source>
        <translation>找出问题：错误、遗漏、没有依据的说法。逐条指出，说明为什么重要、如何改正。不要称赞。</translation>
    </message>
    <message>
        <source>Advocate</source>
        <translation>支持者</translation>
    </message>
    <message>
        <source>Look for what is good: what works, what is worth keeping, what could grow out of it. Give reasons.</source>
        <translation>找出优点：哪些有效、哪些值得保留、可以由此发展出什么。请给出理由。</translation>
    </message>
    <message>
        <source>Explainer</source>
        <translation>讲解者</translation>
    </message>
    <message>
        <source>Explain it to somebody who is new to the subject: short sentences, one example, no jargon without its meaning.</source>
        <translation>向初次接触这个主题的人讲解：句子要短，举一个例子，术语都要解释。</translation>
    </message>
    <message>
        <source>Planner</source>
        <translation>规划者</translation>
    </message>
    <message>
        <source>Turn it into a plan: numbered steps in their order, what each needs, and how one sees that it is done.</source>
        <translation>把它变成计划：按顺序编号的步骤、每一步需要什么、怎样判断已经完成。</translation>
    </message>
    <message>
        <source>Code reviewer</source>
        <translation>代码审查者</translation>
    </message>
    <message>
        <source>Review the code: bugs first, then edge cases, safety and speed, style last. Quote the line that you speak of and show the change.</source>
        <translation>审查代码：先看错误，再看边界情况、安全和速度，最后看风格。引用所说的那一行，并给出修改。</translation>
    </message>
    <message>
        <source>Editor</source>
        <translation>编辑</translation>
    </message>
    <message>
        <source>Improve the text: clearer, shorter, in its own voice. Give the new text first, then what was changed and why.</source>
        <translation>改进文字：更清楚、更简短，保持原有的语气。先给出新的文字，再说明改了什么、为什么。</translation>
    </message>
    <message>
        <source>Summarizer</source>
        <translation>总结者</translation>
    </message>
    <message>
        <source>Bring the answers of the others together: what they agree on, where they differ and who is right, and then one final answer to the task.</source>
        <translation>汇总其他人的回答：哪些一致、哪里不同、谁是对的，然后给出对任务的最终回答。</translation>
    </message>
</context>
<context>
    <name>app::Alerts</name>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1: %2 is above %3 (now %4).</source>
        <translation>%1：%2 高于 %3（现为 %4）。</translation>
    </message>
    <message>
        <source>%1: %2 is below %3 (now %4).</source>
        <translation>%1：%2 低于 %3（现为 %4）。</translation>
    </message>
    <message>
        <source>“%1” cannot be the name of a rule: it has letters, digits and _ only, and begins with a letter.</source>
        <translation>“%1”不能作为规则名称：名称只能包含字母、数字和 _，并以字母开头。</translation>
    </message>
    <message>
        <source>Two rules are called %1: give one of them another name.</source>
        <translation>有两条规则都叫 %1：请给其中一条换个名称。</translation>
    </message>
    <message>
        <source>%1: %2 is no single figure. Choose one of its percentiles.</source>
        <translation>%1：%2 不是单个数值。请选择它的某个百分位数。</translation>
    </message>
    <message>
        <source>%1: %2 cannot reach %3, so the rule would never make sense.</source>
        <translation>%1：%2 不可能达到 %3，因此这条规则没有意义。</translation>
    </message>
    <message>
        <source>%1: a rule holds for at most seven days.</source>
        <translation>%1：规则的持续时间最长为七天。</translation>
    </message>
</context>
<context>
    <name>app::DownloadController</name>
    <message>
        <source>Update</source>
        <translation>更新</translation>
    </message>
</context>
<context>
    <name>app::Exchange</name>
    <message>
        <source>Chat %1</source>
        <translation>对话 %1</translation>
    </message>
    <message>
        <source>message %1 of chat %2 does not say whose it is</source>
        <translation>对话 %2 的第 %1 条消息没有说明是谁写的</translation>
    </message>
    <message>
        <source>message %1 of chat %2 has no place in it</source>
        <translation>对话 %2 的第 %1 条消息在其中没有位置</translation>
    </message>
    <message>
        <source>it is no whole JSON (%1)</source>
        <translation>它不是完整的 JSON（%1）</translation>
    </message>
    <message>
        <source>it was not exported by Inglenook</source>
        <translation>它不是由 Inglenook 导出的</translation>
    </message>
    <message>
        <source>a newer Inglenook has exported it</source>
        <translation>它由更新版本的 Inglenook 导出</translation>
    </message>
    <message>
        <source>it holds none</source>
        <translation>其中没有对话</translation>
    </message>
    <message>
        <source>You</source>
        <translation>你</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>系统提示词</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>思考过程</translation>
    </message>
    <message>
        <source>Thought for %1 s · %2 tokens</source>
        <translation>思考了 %1 秒 · %2 个词元</translation>
    </message>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n 个词元</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 tok/s</source>
        <translation>%1 词元/秒</translation>
    </message>
</context>
<context>
    <name>app::ExchangeController</name>
    <message>
        <source>it is larger than 1 GiB</source>
        <translation>它大于 1 GiB</translation>
    </message>
    <message>
        <source>%1 gives no chats: %2. Choose a JSON file that Inglenook has exported.</source>
        <translation>无法从 %1 读取对话：%2。请选择由 Inglenook 导出的 JSON 文件。</translation>
    </message>
    <message>
        <source>There is no chat to export.</source>
        <translation>没有可导出的对话。</translation>
    </message>
    <message>
        <source>it is no regular file</source>
        <translation>它不是普通文件</translation>
    </message>
    <message>
        <source>There is not enough memory to read %1. End other programs, or import fewer chats at once.</source>
        <translation>内存不足，无法读取 %1。请关闭其他程序，或一次少导入一些对话。</translation>
    </message>
    <message>
        <source>%1 of %2 chats were imported before that.</source>
        <translation>在此之前已导入 %2 个对话中的 %1 个。</translation>
    </message>
</context>
<context>
    <name>app::Gpu</name>
    <message>
        <source>power limit</source>
        <translation>功率上限</translation>
    </message>
    <message>
        <source>power brake</source>
        <translation>功率制动</translation>
    </message>
    <message>
        <source>temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>There is no NVIDIA driver on this machine, so there are no GPU figures.</source>
        <translation>这台机器上没有 NVIDIA 驱动，因此没有 GPU 数据。</translation>
    </message>
    <message>
        <source>The NVIDIA driver is installed but not loaded.</source>
        <translation>NVIDIA 驱动已安装，但没有加载。</translation>
    </message>
    <message>
        <source>The NVIDIA driver was updated; restart the machine to see its figures.</source>
        <translation>NVIDIA 驱动已更新；重启机器后才能看到数据。</translation>
    </message>
    <message>
        <source>The NVIDIA driver does not let this user read its figures.</source>
        <translation>NVIDIA 驱动不允许当前用户读取数据。</translation>
    </message>
    <message>
        <source>The GPU has fallen off the bus; restart the machine.</source>
        <translation>GPU 已从总线上掉线；请重启机器。</translation>
    </message>
    <message>
        <source>The NVIDIA driver knows of no GPU.</source>
        <translation>NVIDIA 驱动没有找到 GPU。</translation>
    </message>
    <message>
        <source>The NVIDIA driver answers with error %1.</source>
        <translation>NVIDIA 驱动返回错误 %1。</translation>
    </message>
    <message>
        <source>The NVIDIA driver has stopped answering.</source>
        <translation>NVIDIA 驱动已停止响应。</translation>
    </message>
    <message>
        <source>The NVIDIA driver has not answered yet.</source>
        <translation>NVIDIA 驱动尚未响应。</translation>
    </message>
</context>
<context>
    <name>app::Label</name>
    <message>
        <source>This file</source>
        <translation>此文件</translation>
    </message>
    <message>
        <source>imported</source>
        <translation>导入</translation>
    </message>
    <message>
        <source>it holds no settings that were exported here</source>
        <translation>其中没有从这里导出的设置</translation>
    </message>
    <message>
        <source>No limit</source>
        <translation>不限</translation>
    </message>
    <message>
        <source>What can be taken at once, after a pause; 0 is one minute.</source>
        <translation>空闲一段时间后可一次取用的量；0 表示一分钟的量。</translation>
    </message>
    <message>
        <source>Tokens per second, %1</source>
        <translation>每秒词元数（%1）</translation>
    </message>
    <message>
        <source>Prompt and answer tokens together. API requests beyond it are refused with the time to come back; chats are not.</source>
        <translation>提示与回答的词元合计。超出的 API 请求会被拒绝并告知何时再来；聊天不受影响。</translation>
    </message>
    <message>
        <source>Token bucket, %1</source>
        <translation>词元桶（%1）</translation>
    </message>
    <message>
        <source>One minute</source>
        <translation>一分钟</translation>
    </message>
    <message>
        <source>Requests per minute, %1</source>
        <translation>每分钟请求数（%1）</translation>
    </message>
    <message>
        <source>API requests beyond it are refused with the time to come back.</source>
        <translation>超出的 API 请求会被拒绝并告知何时再来。</translation>
    </message>
    <message>
        <source>Request bucket, %1</source>
        <translation>请求桶（%1）</translation>
    </message>
    <message>
        <source>Longest queue</source>
        <translation>最长队列</translation>
    </message>
    <message>
        <source>With so many requests waiting, further ones of programs are refused; chats are always let in.</source>
        <translation>等待的请求达到此数时，程序的新请求会被拒绝；聊天始终可以进入。</translation>
    </message>
    <message>
        <source>Longest queue of one client</source>
        <translation>单个客户端的最长队列</translation>
    </message>
    <message>
        <source>So that one program cannot fill the queue.</source>
        <translation>使一个程序无法占满队列。</translation>
    </message>
    <message>
        <source>Patience</source>
        <translation>耐心</translation>
    </message>
    <message>
        <source>A chat that waited so long is overdue, an agent or program after twice, a batch job after three times that.</source>
        <translation>聊天等待这么久即为超时，智能体或程序为两倍，批处理任务为三倍。</translation>
    </message>
    <message>
        <source>s</source>
        <translation>秒</translation>
    </message>
    <message>
        <source>Turn of the overdue</source>
        <translation>超时者的轮次</translation>
    </message>
    <message>
        <source>Of so many requests that begin, one is the oldest overdue one, whatever its priority.</source>
        <translation>每开始这么多个请求，其中一个是等待最久的超时请求，不论其优先级。</translation>
    </message>
    <message>
        <source>Longest prompt of a program</source>
        <translation>程序的最长提示</translation>
    </message>
    <message>
        <source>Longer ones are refused, with both figures.</source>
        <translation>更长的会被拒绝，并给出两个数值。</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>词元</translation>
    </message>
    <message>
        <source>The context</source>
        <translation>上下文长度</translation>
    </message>
    <message>
        <source>Longest answer to a program</source>
        <translation>给程序的最长回答</translation>
    </message>
    <message>
        <source>Answers end there.</source>
        <translation>回答到此结束。</translation>
    </message>
    <message>
        <source>Longest time of a request</source>
        <translation>请求的最长时间</translation>
    </message>
    <message>
        <source>From its first step to its end; what was written by then is kept.</source>
        <translation>从第一步到结束；届时已写出的内容会保留。</translation>
    </message>
    <message>
        <source>Circuit breaker</source>
        <translation>熔断器</translation>
    </message>
    <message>
        <source>Under lasting load, batch jobs are held first, then requests of programs refused. Chats and agents only wait.</source>
        <translation>持续高负载时，先暂缓批处理任务，再拒绝程序的请求。聊天和智能体只会等待。</translation>
    </message>
    <message>
        <source>It watches</source>
        <translation>监视的指标</translation>
    </message>
    <message>
        <source>The figure that has to be beyond the value.</source>
        <translation>需要越过该值的指标。</translation>
    </message>
    <message>
        <source>Utilization of the device</source>
        <translation>设备利用率</translation>
    </message>
    <message>
        <source>Waiting time, P95</source>
        <translation>等待时间 P95</translation>
    </message>
    <message>
        <source>Requests that wait</source>
        <translation>等待中的请求数</translation>
    </message>
    <message>
        <source>It trips</source>
        <translation>触发条件</translation>
    </message>
    <message>
        <source>When the figure is on this side of the value.</source>
        <translation>指标处于该值的这一侧时。</translation>
    </message>
    <message>
        <source>Above</source>
        <translation>高于</translation>
    </message>
    <message>
        <source>Below</source>
        <translation>低于</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>值</translation>
    </message>
    <message>
        <source>In percent, seconds or requests, as the figure is.</source>
        <translation>单位随指标而定：百分比、秒或请求数。</translation>
    </message>
    <message>
        <source>For so long</source>
        <translation>持续时间</translation>
    </message>
    <message>
        <source>The figure has to stay there without a break.</source>
        <translation>指标须不间断地保持在那里。</translation>
    </message>
    <message>
        <source>And the queue waits</source>
        <translation>且队列在等待</translation>
    </message>
    <message>
        <source>Only while the waiting time (P95) is above this …</source>
        <translation>仅当等待时间（P95）高于此值……</translation>
    </message>
    <message>
        <source>Not asked</source>
        <translation>不考虑</translation>
    </message>
    <message>
        <source>Or the queue is longer than</source>
        <translation>或队列长于</translation>
    </message>
    <message>
        <source>... or while more requests wait. Without both, the figure alone trips it.</source>
        <translation>……或等待的请求更多时。两者都不设，则仅凭该指标触发。</translation>
    </message>
    <message>
        <source>How far it goes</source>
        <translation>最高级别</translation>
    </message>
    <message>
        <source>A load that stays climbs from the first to this.</source>
        <translation>负载持续时，措施从第一级逐步升到这一级。</translation>
    </message>
    <message>
        <source>Hold batch jobs</source>
        <translation>暂缓批处理任务</translation>
    </message>
    <message>
        <source>Refuse programs too</source>
        <translation>同时拒绝程序</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Then it is half open: one held request goes, and it closes when the load has gone.</source>
        <translation>之后进入半开状态：放行一个被暂缓的请求，负载消失后关闭。</translation>
    </message>
    <message>
        <source>Utilization alone</source>
        <translation>仅看利用率</translation>
    </message>
    <message>
        <source>A second breaker: above 90 % for 60 s, whatever the queue. One long answer is enough for that.</source>
        <translation>第二个熔断器：利用率高于 90 % 达 60 秒即触发，不看队列。一个长回答就足以触发。</translation>
    </message>
    <message>
        <source>all together</source>
        <translation>全部合计</translation>
    </message>
    <message>
        <source>each program</source>
        <translation>每个程序</translation>
    </message>
    <message>
        <source>Use my own values</source>
        <translation>使用自定义数值</translation>
    </message>
    <message>
        <source>Otherwise the ones the model&apos;s makers publish.</source>
        <translation>否则使用模型发布者推荐的数值。</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>0 always takes the likeliest token; higher is more varied.</source>
        <translation>0 表示总是选取最可能的词元；越高越多样。</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>Only the likeliest tokens that together have this probability.</source>
        <translation>只在累计概率达到此值的最可能词元中选取。</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>Only so many of the likeliest tokens.</source>
        <translation>只考虑这么多个最可能的词元。</translation>
    </message>
    <message>
        <source>All</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Min-p</source>
        <translation>Min-p</translation>
    </message>
    <message>
        <source>Only tokens at least this likely compared with the best one. 0 is off.</source>
        <translation>只选取概率不低于最佳词元此比例的词元。0 表示关闭。</translation>
    </message>
    <message>
        <source>Repetition penalty</source>
        <translation>重复惩罚</translation>
    </message>
    <message>
        <source>Above 1 makes tokens that were already used less likely.</source>
        <translation>大于 1 时，已出现过的词元更不易再次出现。</translation>
    </message>
    <message>
        <source>Presence penalty</source>
        <translation>存在惩罚</translation>
    </message>
    <message>
        <source>Taken from the score of every token that was used at all.</source>
        <translation>从每个出现过的词元的得分中减去。</translation>
    </message>
    <message>
        <source>Frequency penalty</source>
        <translation>频率惩罚</translation>
    </message>
    <message>
        <source>Taken from the score for every time a token was used.</source>
        <translation>词元每出现一次就从得分中减去一次。</translation>
    </message>
    <message>
        <source>A new seed for every answer</source>
        <translation>每个回答使用新的随机种子</translation>
    </message>
    <message>
        <source>Off: the same question gets the same answer again, and may get it from the cache.</source>
        <translation>关闭后，同样的问题会得到同样的回答，并可能来自缓存。</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>随机种子</translation>
    </message>
    <message>
        <source>What the dice begin with.</source>
        <translation>随机数的起点。</translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation>最长回答</translation>
    </message>
    <message>
        <source>Tokens, thinking included.</source>
        <translation>以词元计，包含思考过程。</translation>
    </message>
    <message>
        <source>As the context allows</source>
        <translation>以上下文为限</translation>
    </message>
    <message>
        <source>Thinking budget</source>
        <translation>思考预算</translation>
    </message>
    <message>
        <source>After so many tokens of thinking the answer begins.</source>
        <translation>思考达到此词元数后开始回答。</translation>
    </message>
    <message>
        <source>Send with</source>
        <translation>发送快捷键</translation>
    </message>
    <message>
        <source>The other one makes a new line, and so does Shift+Enter.</source>
        <translation>另一个用于换行，Shift+Enter 也可换行。</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Enter</translation>
    </message>
    <message>
        <source>Ctrl+Enter</source>
        <translation>Ctrl+Enter</translation>
    </message>
    <message>
        <source>Show thinking</source>
        <translation>显示思考过程</translation>
    </message>
    <message>
        <source>Keep the reasoning of a model unfolded when it has ended.</source>
        <translation>模型思考结束后仍保持展开。</translation>
    </message>
    <message>
        <source>When a chat outgrows the context</source>
        <translation>聊天超出上下文时</translation>
    </message>
    <message>
        <source>Of new chats; each chat can choose for itself. What was left out is always shown.</source>
        <translation>用于新聊天；每个聊天也可自行选择。略去的内容始终会标明。</translation>
    </message>
    <message>
        <source>Stop there</source>
        <translation>到达限制时停止</translation>
    </message>
    <message>
        <source>Leave out the oldest messages</source>
        <translation>略去最早的消息</translation>
    </message>
    <message>
        <source>Leave out the middle</source>
        <translation>略去中间部分</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>系统提示词</translation>
    </message>
    <message>
        <source>Said to the model before every chat; empty is the model&apos;s own.</source>
        <translation>每次聊天前告诉模型的话；留空则用模型自带的。</translation>
    </message>
    <message>
        <source>Prefix cache</source>
        <translation>前缀缓存</translation>
    </message>
    <message>
        <source>Beginnings of prompts that were computed once serve later ones: a second turn reads only what is new.</source>
        <translation>算过一次的提示开头可供后来的提示使用：第二轮只需读取新内容。</translation>
    </message>
    <message>
        <source>Prepare the next turn</source>
        <translation>预备下一轮</translation>
    </message>
    <message>
        <source>While you read, the answer is computed without its thinking, as the next turn needs it.</source>
        <translation>在你阅读时，按下一轮所需，重新计算不含思考的回答。</translation>
    </message>
    <message>
        <source>Prewarm</source>
        <translation>预热</translation>
    </message>
    <message>
        <source>When a model has been loaded, system prompts are computed ahead and the most wanted answers taken into memory.</source>
        <translation>模型加载后，预先计算系统提示，并把最常用的回答读入内存。</translation>
    </message>
    <message>
        <source>Response cache</source>
        <translation>回答缓存</translation>
    </message>
    <message>
        <source>Which answers may be given again to the same question. A hit is marked, and computed anew with one click.</source>
        <translation>哪些回答可再次给同样的问题。命中会标明，点一下即可重新计算。</translation>
    </message>
    <message>
        <source>None</source>
        <translation>无</translation>
    </message>
    <message>
        <source>Seeded and greedy ones</source>
        <translation>固定种子与贪心采样</translation>
    </message>
    <message>
        <source>Answers are kept for</source>
        <translation>回答保留</translation>
    </message>
    <message>
        <source>Older ones are computed anew.</source>
        <translation>更旧的会重新计算。</translation>
    </message>
    <message>
        <source>h</source>
        <translation>小时</translation>
    </message>
    <message>
        <source>Answers in memory</source>
        <translation>内存中的回答</translation>
    </message>
    <message>
        <source>Those not used for longest go first.</source>
        <translation>最久未用的先被移除。</translation>
    </message>
    <message>
        <source>MB</source>
        <translation>MB</translation>
    </message>
    <message>
        <source>Answers on disk</source>
        <translation>磁盘上的回答</translation>
    </message>
    <message>
        <source>In cache.db of the data folder.</source>
        <translation>存于数据文件夹的 cache.db。</translation>
    </message>
    <message>
        <source>Answer other programs</source>
        <translation>回答其他程序</translation>
    </message>
    <message>
        <source>The OpenAI-compatible server, while this window is open. Keys and the log are on the page Server.</source>
        <translation>窗口打开期间的 OpenAI 兼容服务器。密钥和日志在“服务器”页。</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>127.0.0.1 is this computer only; 0.0.0.0 is the network too, which needs a key.</source>
        <translation>127.0.0.1 仅限本机；0.0.0.0 也对网络开放，需要密钥。</translation>
    </message>
    <message>
        <source>an address such as 127.0.0.1</source>
        <translation>一个地址，例如 127.0.0.1</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>端口</translation>
    </message>
    <message>
        <source>Where the server listens.</source>
        <translation>服务器监听的端口。</translation>
    </message>
    <message>
        <source>A free one</source>
        <translation>任一空闲端口</translation>
    </message>
    <message>
        <source>Names of this computer</source>
        <translation>本机的名称</translation>
    </message>
    <message>
        <source>Further host names that requests may use, one on each line.</source>
        <translation>请求可使用的其他主机名，每行一个。</translation>
    </message>
    <message>
        <source>a host name on each line</source>
        <translation>每行一个主机名</translation>
    </message>
    <message>
        <source>Web pages that may ask</source>
        <translation>可提问的网页</translation>
    </message>
    <message>
        <source>Their origins, one on each line; none by default.</source>
        <translation>它们的来源（origin），每行一个；默认没有。</translation>
    </message>
    <message>
        <source>origins such as https://example.org</source>
        <translation>来源，例如 https://example.org</translation>
    </message>
    <message>
        <source>Trash</source>
        <translation>回收站</translation>
    </message>
    <message>
        <source>Deleted chats can be brought back for so long; looked at when the program starts.</source>
        <translation>删除的聊天在此期间可恢复；程序启动时检查。</translation>
    </message>
    <message>
        <source>days</source>
        <translation>天</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>主题</translation>
    </message>
    <message>
        <source>Light, dark, or whatever the desktop asks for.</source>
        <translation>浅色、深色，或跟随桌面设置。</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>浅色</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>深色</translation>
    </message>
    <message>
        <source>Text size</source>
        <translation>文字大小</translation>
    </message>
    <message>
        <source>Also Ctrl + and Ctrl − anywhere.</source>
        <translation>也可随时按 Ctrl + 和 Ctrl −。</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>Of the program; models answer in the language you write.</source>
        <translation>仅指程序界面；模型会用你书写的语言回答。</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>The one that answers, and that the next start loads.</source>
        <translation>用来回答的模型，下次启动也会加载它。</translation>
    </message>
    <message>
        <source>Load the last model at the start</source>
        <translation>启动时加载上次的模型</translation>
    </message>
    <message>
        <source>In the background; the window is there at once.</source>
        <translation>在后台加载，窗口会立即出现。</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>处理器</translation>
    </message>
    <message>
        <source>GPU</source>
        <translation>GPU</translation>
    </message>
    <message>
        <source>GPUs</source>
        <translation>GPU 编号</translation>
    </message>
    <message>
        <source>Several GPUs</source>
        <translation>多个 GPU</translation>
    </message>
    <message>
        <source>How a model is shared out over more than one.</source>
        <translation>模型如何分配到多个 GPU。</translation>
    </message>
    <message>
        <source>Every tensor in parts</source>
        <translation>拆分每个张量</translation>
    </message>
    <message>
        <source>Layer by layer</source>
        <translation>按层拆分</translation>
    </message>
    <message>
        <source>A whole model on each</source>
        <translation>每个一份完整模型</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>Fewer bits: less memory, faster, a little less exact.</source>
        <translation>位数越少：内存越省、速度越快、精度略低。</translation>
    </message>
    <message>
        <source>Activations</source>
        <translation>激活值</translation>
    </message>
    <message>
        <source>What is computed with between the weights.</source>
        <translation>权重之间计算所用的格式。</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>What the model remembers of a chat; INT8 holds twice as much as BF16.</source>
        <translation>模型对聊天的记忆；INT8 可容纳 BF16 的两倍。</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>上下文</translation>
    </message>
    <message>
        <source>Tokens a chat can hold; more takes more memory.</source>
        <translation>一个聊天可容纳的词元数；越多越占内存。</translation>
    </message>
    <message>
        <source>As the model allows</source>
        <translation>由模型决定</translation>
    </message>
    <message>
        <source>Answers at once</source>
        <translation>同时回答数</translation>
    </message>
    <message>
        <source>So many run together; further ones wait. One alone can still use the whole context.</source>
        <translation>这么多个一起运行，其余的等待。单独一个仍可使用整个上下文。</translation>
    </message>
    <message>
        <source>Automatic (16)</source>
        <translation>自动（16）</translation>
    </message>
    <message>
        <source>Memory of all chats</source>
        <translation>所有聊天的记忆</translation>
    </message>
    <message>
        <source>Tokens that all running chats and the prefix cache hold together.</source>
        <translation>所有运行中的聊天与前缀缓存合计可容纳的词元数。</translation>
    </message>
    <message>
        <source>As memory allows</source>
        <translation>视内存而定</translation>
    </message>
    <message>
        <source>Unload when idle</source>
        <translation>空闲时卸载</translation>
    </message>
    <message>
        <source>A model nobody asked for so long gives its memory back; the next message loads it again.</source>
        <translation>这么久无人提问的模型会交还内存；下一条消息会重新加载它。</translation>
    </message>
    <message>
        <source>Never</source>
        <translation>从不</translation>
    </message>
    <message>
        <source>ms</source>
        <translation>毫秒</translation>
    </message>
    <message>
        <source>Batching threshold</source>
        <translation>批处理阈值</translation>
    </message>
    <message>
        <source>With more prompts of agents and programs waiting than this, they are read at once.</source>
        <translation>智能体和程序等待的提示多于此数时，立即读取。</translation>
    </message>
    <message>
        <source>Batching window</source>
        <translation>批处理窗口</translation>
    </message>
    <message>
        <source>The longest such prompts are gathered while answers run. Chats never wait.</source>
        <translation>有回答在运行时，这类提示最多汇集这么久。聊天从不等待。</translation>
    </message>
    <message>
        <source>Do not gather</source>
        <translation>不汇集</translation>
    </message>
    <message>
        <source>Target latency</source>
        <translation>目标延迟</translation>
    </message>
    <message>
        <source>Reading a prompt is to hold up the tokens of running answers no longer than this.</source>
        <translation>读取提示时，正在运行的回答的词元最多被耽搁这么久。</translation>
    </message>
    <message>
        <source>Only the ratio counts</source>
        <translation>只看比例</translation>
    </message>
    <message>
        <source>Longest pause</source>
        <translation>最长停顿</translation>
    </message>
    <message>
        <source>... and no longer than so many times a step without prompts.</source>
        <translation>……且不超过无提示步骤时长的这么多倍。</translation>
    </message>
    <message>
        <source>Chunk budget</source>
        <translation>分块预算</translation>
    </message>
    <message>
        <source>Tokens of prompts read in one step beside running answers, at most.</source>
        <translation>有回答在运行时，一步最多读取的提示词元数。</translation>
    </message>
    <message>
        <source>As the target allows</source>
        <translation>视目标而定</translation>
    </message>
    <message>
        <source>Step without answers</source>
        <translation>无回答时的步长</translation>
    </message>
    <message>
        <source>How long one step may read prompts when no answer runs; Stop is heard between steps.</source>
        <translation>没有回答在运行时，一步可读取提示多久；停止在步与步之间生效。</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>引擎</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>聊天</translation>
    </message>
    <message>
        <source>Admission</source>
        <translation>准入</translation>
    </message>
    <message>
        <source>Caches</source>
        <translation>缓存</translation>
    </message>
    <message>
        <source>API</source>
        <translation>API</translation>
    </message>
    <message>
        <source>History</source>
        <translation>历史</translation>
    </message>
    <message>
        <source>Appearance</source>
        <translation>外观</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>隐私</translation>
    </message>
    <message>
        <source>on</source>
        <translation>开</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>none</source>
        <translation>无</translation>
    </message>
    <message>
        <source>it is a whole number from %1 to %2</source>
        <translation>应为 %1 到 %2 之间的整数</translation>
    </message>
    <message>
        <source>it is a number from %1 to %2</source>
        <translation>应为 %1 到 %2 之间的数</translation>
    </message>
    <message>
        <source>it is a text</source>
        <translation>应为文本</translation>
    </message>
    <message>
        <source>it is shorter</source>
        <translation>应更短</translation>
    </message>
    <message>
        <source>it is %1</source>
        <translation>应为%1</translation>
    </message>
    <message>
        <source>it is one of %1</source>
        <translation>应为以下之一：%1</translation>
    </message>
    <message>
        <source>it is on or off</source>
        <translation>应为开或关</translation>
    </message>
    <message>
        <source>it is a list of texts</source>
        <translation>应为文本列表</translation>
    </message>
    <message>
        <source>an address such as https://example.org, or empty</source>
        <translation>形如 https://example.org 的地址，或留空</translation>
    </message>
    <message>
        <source>Models come from</source>
        <translation>模型来自</translation>
    </message>
    <message>
        <source>Where Hugging Face cannot be reached, one of the others may.</source>
        <translation>无法访问 Hugging Face 时，其他来源也许可以。</translation>
    </message>
    <message>
        <source>An address</source>
        <translation>网址</translation>
    </message>
    <message>
        <source>Server of %1</source>
        <translation>%1 的服务器</translation>
    </message>
    <message>
        <source>Empty is the hub&apos;s own. A company or a mirror may have another one.</source>
        <translation>留空则使用官方地址。公司或镜像站可能有别的地址。</translation>
    </message>
    <message>
        <source>Proxy</source>
        <translation>代理</translation>
    </message>
    <message>
        <source>http://host:port or socks5://host:port; empty is the system&apos;s, “none” is none. Its password is set in “Get models”, “Connection…”.</source>
        <translation>http://host:port 或 socks5://host:port；留空则与系统相同，“none”表示不用。密码在“获取模型”的“连接…”中设置。</translation>
    </message>
    <message>
        <source>a proxy such as http://host:8080, “none”, or empty</source>
        <translation>形如 http://host:8080 的代理、“none”，或留空</translation>
    </message>
    <message>
        <source>Highest speed</source>
        <translation>最高速度</translation>
    </message>
    <message>
        <source>Leaves room for other programs.</source>
        <translation>为其他程序留出带宽。</translation>
    </message>
    <message>
        <source>kB/s</source>
        <translation>kB/s</translation>
    </message>
    <message>
        <source>As fast as it comes</source>
        <translation>不限速</translation>
    </message>
    <message>
        <source>Older versions</source>
        <translation>旧版本</translation>
    </message>
    <message>
        <source>So many stay when a model is updated; one click goes back.</source>
        <translation>更新模型时保留的旧版本数；一次点击即可回退。</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>Numbers as nvidia-smi gives them, with commas, each with its share if they differ; empty is the first GPU. Counts when the device is GPU.</source>
        <translation>按 nvidia-smi 的编号，用逗号分隔；份额不同时在编号后写明份额。留空表示第一块 GPU。仅在设备为 GPU 时有效。</translation>
    </message>
    <message>
        <source>numbers with commas, for example 0,1 or 0=60,1=40</source>
        <translation>用逗号分隔的编号，例如 0,1 或 0=60,1=40</translation>
    </message>
    <message>
        <source>What computes the answers. Automatic is the GPU, and the processor only where there is none.</source>
        <translation>由什么来计算回答。自动：用 GPU，仅在没有 GPU 时用处理器。</translation>
    </message>
</context>
<context>
    <name>app::Privacy</name>
    <message>
        <source>Answers to other programs</source>
        <translation>对其他程序的回答</translation>
    </message>
    <message>
        <source>The API listens when you switch it on. Beyond this computer it starts only with a key.</source>
        <translation>只有在你打开后 API 才会监听。超出本机时必须有密钥才会启动。</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>on, for the network</source>
        <translation>开，对网络开放</translation>
    </message>
    <message>
        <source>on, this computer only</source>
        <translation>开，仅限本机</translation>
    </message>
    <message>
        <source>Telemetry and update checks</source>
        <translation>遥测与更新检查</translation>
    </message>
    <message>
        <source>There are none. Chats, settings and figures stay in the data folder.</source>
        <translation>没有。聊天、设置和数据都留在数据文件夹里。</translation>
    </message>
    <message>
        <source>never</source>
        <translation>从不</translation>
    </message>
    <message>
        <source>Content of answers</source>
        <translation>回答的内容</translation>
    </message>
    <message>
        <source>Pictures and pages that a model names are not fetched.</source>
        <translation>模型提到的图片和网页不会被获取。</translation>
    </message>
    <message>
        <source>Links in answers</source>
        <translation>回答中的链接</translation>
    </message>
    <message>
        <source>Opened by your browser, after the address was shown and you agreed.</source>
        <translation>在显示地址并经你同意后，由你的浏览器打开。</translation>
    </message>
    <message>
        <source>when you ask</source>
        <translation>在你要求时</translation>
    </message>
    <message>
        <source>Models from the internet</source>
        <translation>来自互联网的模型</translation>
    </message>
    <message>
        <source>Searched for and fetched in “Get models”, from the hub that is chosen there, after a click.</source>
        <translation>在“获取模型”中点击之后，才从所选站点搜索和下载。</translation>
    </message>
</context>
<context>
    <name>app::Refusal</name>
    <message>
        <source>{device} does not tell how long its single stages take. Choose the CPU as device in the settings to see them there.</source>
        <translation>{device} 不提供各个阶段的耗时。可在设置中选择 CPU 作为设备来查看。</translation>
    </message>
</context>
<context>
    <name>ui::Actions</name>
    <message>
        <source>New chat</source>
        <translation>新建对话</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>搜索全部对话</translation>
    </message>
    <message>
        <source>Find in this chat</source>
        <translation>在此对话中查找</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>停止回答</translation>
    </message>
    <message>
        <source>Regenerate the last answer</source>
        <translation>重新生成上一条回答</translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation>复制上一条回答</translation>
    </message>
    <message>
        <source>Go to the input</source>
        <translation>转到输入框</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Open file…</source>
        <translation>打开文件…</translation>
    </message>
    <message>
        <source>Open folder…</source>
        <translation>打开文件夹…</translation>
    </message>
    <message>
        <source>Unload the model</source>
        <translation>卸载模型</translation>
    </message>
    <message>
        <source>Show or hide the sidebar</source>
        <translation>显示或隐藏侧边栏</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation>放大文字</translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation>缩小文字</translation>
    </message>
    <message>
        <source>Normal text size</source>
        <translation>恢复默认文字大小</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>Go to: %1</source>
        <translation>转到：%1</translation>
    </message>
    <message>
        <source>New tab</source>
        <translation>新建标签页</translation>
    </message>
    <message>
        <source>Close the tab</source>
        <translation>关闭标签页</translation>
    </message>
    <message>
        <source>Open the closed tab again</source>
        <translation>重新打开关闭的标签页</translation>
    </message>
    <message>
        <source>Next tab</source>
        <translation>下一个标签页</translation>
    </message>
    <message>
        <source>Previous tab</source>
        <translation>上一个标签页</translation>
    </message>
</context>
<context>
    <name>ui::AgentEditor</name>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>Settings of its own</source>
        <translation>使用自己的设置</translation>
    </message>
    <message>
        <source>Agents</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>保存</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Those of the program</source>
        <translation>恢复自带的智能体</translation>
    </message>
    <message>
        <source>Puts the agents that come with the program in place of all others</source>
        <translation>用程序自带的智能体替换所有智能体</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>添加</translation>
    </message>
    <message>
        <source>An agent without a name is not kept</source>
        <translation>没有名称的智能体不会保存</translation>
    </message>
    <message>
        <source>Who is it, what does it look for, how does it answer?</source>
        <translation>它是谁，关注什么，怎样回答？</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>不限</translation>
    </message>
    <message>
        <source>after the chats</source>
        <translation>排在对话之后</translation>
    </message>
    <message>
        <source>when nothing else is to do</source>
        <translation>没有其他任务时</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Instructions</source>
        <translation>指令</translation>
    </message>
    <message>
        <source>Token budget</source>
        <translation>词元预算</translation>
    </message>
    <message>
        <source>Its turn</source>
        <translation>次序</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>New agent</source>
        <translation>新智能体</translation>
    </message>
</context>
<context>
    <name>ui::AgentsPage</name>
    <message>
        <source>New run</source>
        <translation>新建运行</translation>
    </message>
    <message>
        <source>Runs will be listed here, with all their answers.</source>
        <translation>各次运行及其全部回答会列在这里。</translation>
    </message>
    <message>
        <source>Runs</source>
        <translation>运行</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>撤销</translation>
    </message>
    <message>
        <source>Stop all</source>
        <translation>全部停止</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <translation>移到回收站</translation>
    </message>
</context>
<context>
    <name>ui::AlertRulesDialog</name>
    <message>
        <source>Alerts</source>
        <translation>警报</translation>
    </message>
    <message>
        <source>A rule fires when its figure stays beyond the limit for the whole time. Information is a mark on the charts; a warning is said above the page and by the desktop too.</source>
        <translation>当数值在整段时间内都超出限值时，规则触发。“信息”只在图表上做标记；“警告”还会显示在页面上方并由桌面通知。</translation>
    </message>
    <message>
        <source>Add a rule</source>
        <translation>添加规则</translation>
    </message>
    <message>
        <source>The rules it came with</source>
        <translation>恢复自带规则</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>保存</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>above</source>
        <translation>高于</translation>
    </message>
    <message>
        <source>below</source>
        <translation>低于</translation>
    </message>
    <message>
        <source>for </source>
        <translation>持续 </translation>
    </message>
    <message>
        <source>at once</source>
        <translation>立即</translation>
    </message>
    <message>
        <source>Information</source>
        <translation>信息</translation>
    </message>
    <message>
        <source>Warning</source>
        <translation>警告</translation>
    </message>
    <message>
        <source>Critical</source>
        <translation>严重</translation>
    </message>
    <message>
        <source>Watch %1</source>
        <translation>监视 %1</translation>
    </message>
    <message>
        <source>Name of the rule</source>
        <translation>规则名称</translation>
    </message>
    <message>
        <source>Figure</source>
        <translation>数值</translation>
    </message>
    <message>
        <source>Above or below</source>
        <translation>高于或低于</translation>
    </message>
    <message>
        <source>Limit</source>
        <translation>限值</translation>
    </message>
    <message>
        <source>For how long</source>
        <translation>持续多久</translation>
    </message>
    <message>
        <source>How bad it is</source>
        <translation>严重程度</translation>
    </message>
    <message>
        <source>Remove %1</source>
        <translation>移除 %1</translation>
    </message>
    <message>
        <source> ms</source>
        <translation> 毫秒</translation>
    </message>
    <message>
        <source> tok/s</source>
        <translation> 词元/秒</translation>
    </message>
    <message>
        <source> s</source>
        <translation> 秒</translation>
    </message>
</context>
<context>
    <name>ui::BannerStack</name>
    <message>
        <source>Dismiss</source>
        <translation>关闭</translation>
    </message>
</context>
<context>
    <name>ui::ChartOverlay</name>
    <message>
        <source>model loaded: %1</source>
        <translation>已加载模型：%1</translation>
    </message>
    <message>
        <source>model unloaded: %1</source>
        <translation>已卸载模型：%1</translation>
    </message>
    <message>
        <source>breaker opened: %1</source>
        <translation>熔断器打开：%1</translation>
    </message>
    <message>
        <source>breaker closed: %1</source>
        <translation>熔断器关闭：%1</translation>
    </message>
    <message>
        <source>alert: %1</source>
        <translation>告警：%1</translation>
    </message>
</context>
<context>
    <name>ui::Charts</name>
    <message>
        <source>GPU %1</source>
        <translation>GPU %1</translation>
    </message>
    <message>
        <source>GPU</source>
        <translation>GPU</translation>
    </message>
    <message>
        <source>Absent: this machine has no GPU that tells it.</source>
        <translation>缺失：这台机器没有提供此数据的 GPU。</translation>
    </message>
    <message>
        <source>Nothing yet: this comes with the first answer.</source>
        <translation>暂无数据：第一个回答之后才有。</translation>
    </message>
    <message>
        <source>Nothing yet: no model is loaded.</source>
        <translation>暂无数据：没有加载模型。</translation>
    </message>
    <message>
        <source>Utilization</source>
        <translation>利用率</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>engine</source>
        <translation>引擎</translation>
    </message>
    <message>
        <source>Nothing measured yet.</source>
        <translation>尚未测量。</translation>
    </message>
    <message>
        <source>all</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Inglenook</source>
        <translation>Inglenook</translation>
    </message>
    <message>
        <source>Throughput</source>
        <translation>吞吐量</translation>
    </message>
    <message>
        <source>prefill</source>
        <translation>预填充</translation>
    </message>
    <message>
        <source>decode</source>
        <translation>解码</translation>
    </message>
    <message>
        <source>Power</source>
        <translation>功率</translation>
    </message>
    <message>
        <source>Time to the first token</source>
        <translation>首词元延迟</translation>
    </message>
    <message>
        <source>Time between tokens</source>
        <translation>词元间隔</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>queued</source>
        <translation>排队</translation>
    </message>
    <message>
        <source>Batch size</source>
        <translation>批大小</translation>
    </message>
    <message>
        <source>rows a step</source>
        <translation>每步行数</translation>
    </message>
    <message>
        <source>prompts a chunk</source>
        <translation>每块提示数</translation>
    </message>
    <message>
        <source>KV pages</source>
        <translation>KV 页</translation>
    </message>
    <message>
        <source>in use</source>
        <translation>占用</translation>
    </message>
    <message>
        <source>fragmented</source>
        <translation>碎片</translation>
    </message>
    <message>
        <source>workspace unused</source>
        <translation>工作区闲置</translation>
    </message>
    <message>
        <source>Cache hits</source>
        <translation>缓存命中</translation>
    </message>
    <message>
        <source>of prompt tokens</source>
        <translation>占提示词元</translation>
    </message>
    <message>
        <source>Memory read</source>
        <translation>内存读取</translation>
    </message>
    <message>
        <source>while computing</source>
        <translation>计算期间</translation>
    </message>
    <message>
        <source>Errors</source>
        <translation>错误</translation>
    </message>
    <message>
        <source>of the last 5 minutes</source>
        <translation>最近 5 分钟</translation>
    </message>
    <message>
        <source>Waiting time</source>
        <translation>等待时间</translation>
    </message>
    <message>
        <source>queue P95</source>
        <translation>排队 P95</translation>
    </message>
    <message>
        <source>held for a batch</source>
        <translation>等待成批</translation>
    </message>
</context>
<context>
    <name>ui::ChatExchange</name>
    <message>
        <source>Markdown (*.md)</source>
        <translation>Markdown (*.md)</translation>
    </message>
    <message>
        <source>Web page (*.html)</source>
        <translation>网页 (*.html)</translation>
    </message>
    <message>
        <source>PDF (*.pdf)</source>
        <translation>PDF (*.pdf)</translation>
    </message>
    <message>
        <source>JSON, which can be imported again (*.json)</source>
        <translation>JSON，可以再次导入 (*.json)</translation>
    </message>
    <message numerus="yes">
        <source>%n chat(s) imported.</source>
        <translation>
            <numerusform>已导入 %n 个对话。</numerusform>
        </translation>
    </message>
    <message>
        <source>Export all chats</source>
        <translation>导出全部对话</translation>
    </message>
    <message>
        <source>Export the chat</source>
        <translation>导出对话</translation>
    </message>
    <message>
        <source>Import chats</source>
        <translation>导入对话</translation>
    </message>
    <message>
        <source>Exported chats (*.json)</source>
        <translation>导出的对话 (*.json)</translation>
    </message>
    <message numerus="yes">
        <source>%n chat(s) exported to %1.</source>
        <translation>
            <numerusform>已将 %n 个对话导出到 %1。</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 could not be written: %2.</source>
        <translation>无法写入 %1：%2。</translation>
    </message>
    <message>
        <source>there is not enough memory for it</source>
        <translation>内存不足</translation>
    </message>
    <message>
        <source>Replace the file?</source>
        <translation>要替换该文件吗？</translation>
    </message>
    <message>
        <source>%1 is there already.</source>
        <translation>%1 已经存在。</translation>
    </message>
    <message>
        <source>Replace</source>
        <translation>替换</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
</context>
<context>
    <name>ui::ChatPage</name>
    <message>
        <source>Undo</source>
        <translation>撤销</translation>
    </message>
</context>
<context>
    <name>ui::ChatTabBar</name>
    <message>
        <source>Open chats</source>
        <translation>打开的对话</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新建对话</translation>
    </message>
</context>
<context>
    <name>ui::ChatView</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n 个词元</numerusform>
        </translation>
    </message>
    <message>
        <source>first after %1</source>
        <translation>首词元 %1</translation>
    </message>
    <message>
        <source>You</source>
        <translation>你</translation>
    </message>
    <message>
        <source>waits for the answer before it</source>
        <translation>等待上一条回答完成</translation>
    </message>
    <message>
        <source>Open this address in the browser?</source>
        <translation>在浏览器中打开此地址？</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>打开</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>reading %1 of %2 tokens</source>
        <translation>正在读取 %1 / %2 个词元</translation>
    </message>
    <message>
        <source>reading</source>
        <translation>正在读取</translation>
    </message>
    <message>
        <source>cached %1 of %2 tokens</source>
        <translation>缓存命中 %1 / %2 个词元</translation>
    </message>
    <message>
        <source>from the cache</source>
        <translation>来自缓存</translation>
    </message>
    <message numerus="yes">
        <source>%n earlier message(s) left out</source>
        <translation>
            <numerusform>略去了 %n 条较早的消息</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n earlier token(s) left out</source>
        <translation>
            <numerusform>略去了 %n 个较早的 token</numerusform>
        </translation>
    </message>
    <message>
        <source>goes round in circles</source>
        <translation>在原地打转</translation>
    </message>
</context>
<context>
    <name>ui::ChoicesView</name>
    <message>
        <source>Formats</source>
        <translation>格式</translation>
    </message>
    <message>
        <source>Format</source>
        <translation>格式</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>There is nothing here that Inglenook can open: it needs .gguf files, or safetensors with a config.json. Search for the model&apos;s name and “GGUF”.</source>
        <translation>这里没有 Inglenook 能打开的内容：需要 .gguf 文件，或带 config.json 的 safetensors。请搜索模型名称加“GGUF”。</translation>
    </message>
    <message>
        <source>licence %1</source>
        <translation>许可 %1</translation>
    </message>
    <message>
        <source>version %1</source>
        <translation>版本 %1</translation>
    </message>
    <message>
        <source>asks you to accept its licence on the web page, and for a token</source>
        <translation>要求在网页上接受许可协议，并提供令牌</translation>
    </message>
    <message>
        <source>%1 (recommended)</source>
        <translation>%1（推荐）</translation>
    </message>
    <message numerus="yes">
        <source>%n files</source>
        <translation>
            <numerusform>%n 个文件</numerusform>
        </translation>
    </message>
    <message>
        <source>Download</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>Download %1</source>
        <translation>下载 %1</translation>
    </message>
    <message>
        <source>Download %1, %2</source>
        <translation>下载 %1，%2</translation>
    </message>
</context>
<context>
    <name>ui::CodeView</name>
    <message>
        <source>text</source>
        <translation>文本</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>已复制</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
</context>
<context>
    <name>ui::Composer</name>
    <message>
        <source>Editing an earlier message. Esc cancels; the old version is kept.</source>
        <translation>正在编辑之前的消息。按 Esc 取消；旧版本会保留。</translation>
    </message>
    <message>
        <source>Ask anything</source>
        <translation>有什么想问的？</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Number format of the weights</source>
        <translation>权重的数值格式</translation>
    </message>
    <message>
        <source>Loading the model</source>
        <translation>正在加载模型</translation>
    </message>
    <message>
        <source>Cancel loading</source>
        <translation>取消加载</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Loading %1</source>
        <translation>正在加载 %1</translation>
    </message>
    <message>
        <source>%1 / %2 tokens</source>
        <translation>%1 / %2 词元</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>When the answers end: %1</source>
        <translation>回答结束后加载：%1</translation>
    </message>
    <message>
        <source>Goes when the answers end: %1</source>
        <translation>回答结束后卸载：%1</translation>
    </message>
    <message>
        <source>Stored at once, answered when the running answer has ended</source>
        <translation>立即保存，当前回答结束后再回答</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>上下文</translation>
    </message>
    <message>
        <source>When this chat outgrows the context</source>
        <translation>此聊天超出上下文时</translation>
    </message>
    <message>
        <source>Stop there</source>
        <translation>到达限制时停止</translation>
    </message>
    <message>
        <source>Leave out the oldest messages</source>
        <translation>略去最早的消息</translation>
    </message>
    <message>
        <source>Leave out the middle</source>
        <translation>略去中间部分</translation>
    </message>
    <message>
        <source>Tokens of this chat / tokens the model can see. When it is full: %1</source>
        <translation>此聊天的词元数 / 模型可见的词元数。满了之后：%1</translation>
    </message>
</context>
<context>
    <name>ui::ConnectionDialog</name>
    <message>
        <source>Connection for downloads</source>
        <translation>下载连接</translation>
    </message>
    <message>
        <source>as it is</source>
        <translation>保持不变</translation>
    </message>
    <message>
        <source>as the system; “none” for none</source>
        <translation>与系统相同；填“none”表示不用</translation>
    </message>
    <message>
        <source>as fast as it comes</source>
        <translation>不限速</translation>
    </message>
    <message>
        <source> kB/s</source>
        <translation> kB/s</translation>
    </message>
    <message>
        <source>Server of %1</source>
        <translation>%1 的服务器</translation>
    </message>
    <message>
        <source>Empty is the hub&apos;s own. A company or a mirror may have another one.</source>
        <translation>留空则使用官方地址。公司或镜像站可能有别的地址。</translation>
    </message>
    <message>
        <source>Token for %1</source>
        <translation>%1 的令牌</translation>
    </message>
    <message>
        <source>Only for models that ask for it. It is kept in the desktop&apos;s keyring and sent to this server alone.</source>
        <translation>仅用于需要令牌的模型。它保存在桌面的密钥环中，只发送给这台服务器。</translation>
    </message>
    <message>
        <source>Proxy</source>
        <translation>代理</translation>
    </message>
    <message>
        <source>http://host:port or socks5://host:port.</source>
        <translation>http://host:port 或 socks5://host:port。</translation>
    </message>
    <message>
        <source>Password of the proxy</source>
        <translation>代理密码</translation>
    </message>
    <message>
        <source>Kept in the desktop&apos;s keyring.</source>
        <translation>保存在桌面的密钥环中。</translation>
    </message>
    <message>
        <source>Highest speed</source>
        <translation>最高速度</translation>
    </message>
    <message>
        <source>Leaves room for other programs.</source>
        <translation>为其他程序留出带宽。</translation>
    </message>
    <message>
        <source>Older versions</source>
        <translation>旧版本</translation>
    </message>
    <message>
        <source>So many stay when a model is updated; one click goes back.</source>
        <translation>更新模型时保留的旧版本数；一次点击即可回退。</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>保存</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
</context>
<context>
    <name>ui::ConversationListModel</name>
    <message>
        <source>Pinned</source>
        <translation>已置顶</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>今天</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>昨天</translation>
    </message>
    <message>
        <source>Previous 7 days</source>
        <translation>过去 7 天</translation>
    </message>
</context>
<context>
    <name>ui::DashboardPage</name>
    <message>
        <source>1 min</source>
        <translation>1 分钟</translation>
    </message>
    <message>
        <source>5 min</source>
        <translation>5 分钟</translation>
    </message>
    <message>
        <source>15 min</source>
        <translation>15 分钟</translation>
    </message>
    <message>
        <source>1 h</source>
        <translation>1 小时</translation>
    </message>
    <message>
        <source>6 h</source>
        <translation>6 小时</translation>
    </message>
    <message>
        <source>24 h</source>
        <translation>24 小时</translation>
    </message>
    <message>
        <source>7 days</source>
        <translation>7 天</translation>
    </message>
    <message>
        <source>30 days</source>
        <translation>30 天</translation>
    </message>
    <message>
        <source>Dashboard</source>
        <translation>仪表盘</translation>
    </message>
    <message>
        <source>Range</source>
        <translation>时间范围</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Hold the charts still (Space)</source>
        <translation>暂停图表（空格）</translation>
    </message>
    <message>
        <source>Whole range</source>
        <translation>完整范围</translation>
    </message>
    <message>
        <source>Leave the zoom (Backspace)</source>
        <translation>退出缩放（退格）</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>导出</translation>
    </message>
    <message>
        <source>Figures as CSV…</source>
        <translation>数据导出为 CSV…</translation>
    </message>
    <message>
        <source>Picture as PNG…</source>
        <translation>图片导出为 PNG…</translation>
    </message>
    <message>
        <source>Alert rules for Prometheus…</source>
        <translation>Prometheus 告警规则…</translation>
    </message>
    <message>
        <source>Marks: ○ model loaded  ✕ breaker or alert</source>
        <translation>标记：○ 加载模型  ✕ 熔断或告警</translation>
    </message>
    <message>
        <source>%1 could not be written: %2.</source>
        <translation>%1 无法写入：%2。</translation>
    </message>
    <message>
        <source>Save the figures</source>
        <translation>保存数据</translation>
    </message>
    <message>
        <source>Save the alert rules</source>
        <translation>保存告警规则</translation>
    </message>
    <message>
        <source>Save the picture</source>
        <translation>保存图片</translation>
    </message>
    <message>
        <source>%1 could not be written.</source>
        <translation>%1 无法写入。</translation>
    </message>
    <message>
        <source>Alerts</source>
        <translation>警报</translation>
    </message>
    <message>
        <source>What is watched, and when it is said</source>
        <translation>监视什么，何时提醒</translation>
    </message>
</context>
<context>
    <name>ui::DeviceCard</name>
    <message>
        <source>%1 busy · %2 of %3</source>
        <translation>忙碌 %1 · %2 / %3</translation>
    </message>
    <message>
        <source>%1 of %2 · %3 · %4 since the driver was loaded</source>
        <translation>%1 / %2 · %3 · 驱动加载以来 %4</translation>
    </message>
    <message>
        <source>clock %1, memory %2 · PCIe out %3, in %4 · NVLink out %5, in %6</source>
        <translation>核心 %1，显存 %2 · PCIe 出 %3，入 %4 · NVLink 出 %5，入 %6</translation>
    </message>
    <message>
        <source>⚠ slowed down by: %1</source>
        <translation>⚠ 降频原因：%1</translation>
    </message>
    <message>
        <source>throttling: –</source>
        <translation>降频：–</translation>
    </message>
    <message>
        <source>%1 (%2) %3</source>
        <translation>%1 (%2) %3</translation>
    </message>
    <message>
        <source>Inglenook</source>
        <translation>Inglenook</translation>
    </message>
    <message>
        <source>processes: %1</source>
        <translation>进程：%1</translation>
    </message>
    <message>
        <source>none</source>
        <translation>无</translation>
    </message>
    <message>
        <source>processes: –</source>
        <translation>进程：–</translation>
    </message>
    <message>
        <source>GPU %1 · %2</source>
        <translation>GPU %1 · %2</translation>
    </message>
    <message>
        <source>Inglenook: %1 cores, %2 · disk %3 free of %4</source>
        <translation>Inglenook：%1 个核心，%2 · 磁盘可用 %3 / %4</translation>
    </message>
    <message>
        <source>CPU · no model loaded</source>
        <translation>CPU · 未加载模型</translation>
    </message>
</context>
<context>
    <name>ui::Downloads</name>
    <message>
        <source>%1 of %2</source>
        <translation>%1 / %2</translation>
    </message>
    <message>
        <source>An address</source>
        <translation>网址</translation>
    </message>
    <message>
        <source>fits</source>
        <translation>放得下</translation>
    </message>
    <message>
        <source>tight: short chats only</source>
        <translation>勉强：只适合短对话</translation>
    </message>
    <message>
        <source>too large for the memory</source>
        <translation>内存放不下</translation>
    </message>
    <message>
        <source>no room on the disk</source>
        <translation>磁盘空间不足</translation>
    </message>
    <message>
        <source>format not supported</source>
        <translation>不支持的格式</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>%1 s left</source>
        <translation>剩余 %1 秒</translation>
    </message>
    <message>
        <source>%1 min left</source>
        <translation>剩余 %1 分钟</translation>
    </message>
    <message>
        <source>%1 h %2 min left</source>
        <translation>剩余 %1 小时 %2 分钟</translation>
    </message>
    <message>
        <source>waits for its turn</source>
        <translation>等待中</translation>
    </message>
    <message>
        <source>%1 – the connection failed; trying again</source>
        <translation>%1 – 连接失败，正在重试</translation>
    </message>
    <message>
        <source>checking what is already here</source>
        <translation>正在检查已有的部分</translation>
    </message>
    <message>
        <source>%1 – paused</source>
        <translation>%1 – 已暂停</translation>
    </message>
    <message>
        <source>%1 – complete and checked</source>
        <translation>%1 – 已完成并通过校验</translation>
    </message>
    <message>
        <source>%1/s</source>
        <translation>%1/秒</translation>
    </message>
</context>
<context>
    <name>ui::Figure</name>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1/s</source>
        <translation>%1/s</translation>
    </message>
    <message>
        <source>%1 tok/s</source>
        <translation>%1 词元/秒</translation>
    </message>
    <message>
        <source>%1 W</source>
        <translation>%1 W</translation>
    </message>
    <message>
        <source>%1 Wh</source>
        <translation>%1 Wh</translation>
    </message>
    <message>
        <source>%1 °C</source>
        <translation>%1 °C</translation>
    </message>
    <message>
        <source>%1 MHz</source>
        <translation>%1 MHz</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>词元</translation>
    </message>
    <message>
        <source>tok/s</source>
        <translation>词元/秒</translation>
    </message>
    <message>
        <source>s</source>
        <translation>秒</translation>
    </message>
    <message>
        <source>ms</source>
        <translation>毫秒</translation>
    </message>
</context>
<context>
    <name>ui::FindBar</name>
    <message>
        <source>Find in this chat</source>
        <translation>在此对话中查找</translation>
    </message>
    <message>
        <source>Previous match (Shift+Enter)</source>
        <translation>上一处匹配 (Shift+Enter)</translation>
    </message>
    <message>
        <source>Next match (Enter)</source>
        <translation>下一处匹配 (Enter)</translation>
    </message>
    <message>
        <source>Close (Esc)</source>
        <translation>关闭 (Esc)</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 / %2</translation>
    </message>
    <message>
        <source>no match</source>
        <translation>无匹配</translation>
    </message>
</context>
<context>
    <name>ui::Format</name>
    <message>
        <source>%1 ms</source>
        <translation>%1 毫秒</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 tok/s</source>
        <translation>%1 词元/秒</translation>
    </message>
    <message>
        <source>ended at “%1”</source>
        <translation>在“%1”处结束</translation>
    </message>
    <message>
        <source>token limit reached</source>
        <translation>已达词元上限</translation>
    </message>
    <message>
        <source>context full</source>
        <translation>上下文已满</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>失败</translation>
    </message>
    <message>
        <source>interrupted: the program ended</source>
        <translation>已中断：程序退出</translation>
    </message>
    <message>
        <source>no. %1</source>
        <translation>第 %1 位</translation>
    </message>
    <message>
        <source>no. %1, about %2 s</source>
        <translation>第 %1 位，约 %2 秒</translation>
    </message>
    <message>
        <source>no. %1, about %2 min</source>
        <translation>第 %1 位，约 %2 分钟</translation>
    </message>
    <message>
        <source>answering</source>
        <translation>正在回答</translation>
    </message>
    <message>
        <source>waiting: %1</source>
        <translation>等待中：%1</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>等待中</translation>
    </message>
    <message>
        <source>new answer</source>
        <translation>有新回答</translation>
    </message>
    <message numerus="yes">
        <source>and %n more</source>
        <translation>
            <numerusform>以及另外 %n 个</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>“%1” is in the trash for %n day(s).</source>
        <translation>
            <numerusform>“%1”已移到回收站，保留 %n 天。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n thread(s)</source>
        <translation>
            <numerusform>%n 个线程</numerusform>
        </translation>
    </message>
    <message>
        <source>Desktop</source>
        <translation>桌面</translation>
    </message>
    <message>
        <source>API</source>
        <translation>API</translation>
    </message>
    <message numerus="yes">
        <source>Measured at the load: %n GPU(s) together %1, one alone %2.</source>
        <translation>
            <numerusform>加载时实测：%n 块 GPU 合用 %1，单独一块 %2。</numerusform>
        </translation>
    </message>
    <message>
        <source>So the first one computes alone.</source>
        <translation>因此只用第一块计算。</translation>
    </message>
    <message>
        <source>For %1 answers at once each holds the whole model: %2, together %3.</source>
        <translation>同时 %1 个回答时，每块放整个模型：%2，合用 %3。</translation>
    </message>
    <message>
        <source>So each holds some of the layers, and a token goes from one to the next.</source>
        <translation>因此每块放一部分层，token 逐块经过。</translation>
    </message>
</context>
<context>
    <name>ui::GetModelsView</name>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>The token is held until the program ends</source>
        <translation>令牌只保留到程序结束</translation>
    </message>
    <message>
        <source>Where models come from</source>
        <translation>模型来源</translation>
    </message>
    <message>
        <source>Connection…</source>
        <translation>连接…</translation>
    </message>
    <message>
        <source>Models that can be fetched</source>
        <translation>可以下载的模型</translation>
    </message>
    <message>
        <source>To begin with</source>
        <translation>入门推荐</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择一个模型</translation>
    </message>
    <message>
        <source>Click a model: its files are listed with their sizes, and the one that suits this computer is chosen already. The number is billions of parameters: more is cleverer, slower, and needs more memory. All of these think before they answer.

Models that are on this computer already are opened with Ctrl+O, or found when their folder is added in “On this computer”.</source>
        <translation>点击一个模型：会列出它的文件和大小，并已选好适合这台电脑的那个。数字是以十亿计的参数量：越大越聪明，也越慢、越占内存。这些模型都会先思考再回答。

已在这台电脑上的模型可用 Ctrl+O 打开；在“本机”中添加其文件夹后也会被找到。</translation>
    </message>
    <message>
        <source>https://… .gguf</source>
        <translation>https://… .gguf</translation>
    </message>
    <message>
        <source>Search, or owner/name of a model</source>
        <translation>搜索，或输入模型的“所有者/名称”</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>Nothing connects before you press Download. Behind the address, after a space, the file&apos;s SHA-256 may stand; then the file is checked against it.</source>
        <translation>在你按下“下载”之前不会有任何连接。网址后面空一格可以写上文件的 SHA-256，下载后会据此校验。</translation>
    </message>
    <message>
        <source>Nothing connects before you search or click a model. Then %1 is asked.</source>
        <translation>在你搜索或点击模型之前不会有任何连接。之后将访问 %1。</translation>
    </message>
    <message>
        <source>Searching for “%1” …</source>
        <translation>正在搜索“%1”…</translation>
    </message>
    <message>
        <source>%1 downloads</source>
        <translation>%1 次下载</translation>
    </message>
    <message>
        <source>asks for a token</source>
        <translation>需要令牌</translation>
    </message>
    <message>
        <source>Nothing was found. Fewer words find more.</source>
        <translation>没有找到。少用几个词能找到更多。</translation>
    </message>
    <message numerus="yes">
        <source>%n models found</source>
        <translation>
            <numerusform>找到 %n 个模型</numerusform>
        </translation>
    </message>
    <message>
        <source>The list of files is being fetched …</source>
        <translation>正在获取文件列表…</translation>
    </message>
    <message>
        <source>The search did not work.</source>
        <translation>搜索未成功。</translation>
    </message>
    <message>
        <source>That did not work</source>
        <translation>没有成功</translation>
    </message>
</context>
<context>
    <name>ui::GpuChoiceView</name>
    <message>
        <source>GPU %1: %2</source>
        <translation>GPU %1：%2</translation>
    </message>
    <message>
        <source>One chat: %1, on one GPU. Many chats are dealt out: up to %2 times as many answers.</source>
        <translation>单个对话：%1，在一块 GPU 上。多个对话分配到各块：回答数量最多可达 %2 倍。</translation>
    </message>
    <message>
        <source>Together: %1. It does not fit on the first GPU alone.</source>
        <translation>合用：%1。单独放在第一块 GPU 上放不下。</translation>
    </message>
    <message>
        <source>One GPU alone is as fast: %1, together %2.</source>
        <translation>单独一块 GPU 同样快：%1，合用 %2。</translation>
    </message>
    <message>
        <source>Together: %1, %2 times one GPU alone (%3).</source>
        <translation>合用：%1，是单独一块 GPU 的 %2 倍（%3）。</translation>
    </message>
    <message>
        <source>How several GPUs work together</source>
        <translation>多块 GPU 如何协作</translation>
    </message>
    <message>
        <source>Together: whatever is faster</source>
        <translation>合用：哪种快用哪种</translation>
    </message>
    <message>
        <source>Together: every GPU computes a part of each token</source>
        <translation>合用：每块 GPU 计算每个 token 的一部分</translation>
    </message>
    <message>
        <source>Side by side: the whole model on each</source>
        <translation>并列：每块放整个模型</translation>
    </message>
    <message>
        <source>Share of %1</source>
        <translation>%1 的份额</translation>
    </message>
    <message>
        <source>How much of the model it holds against the others. The same for all is fastest on equal GPUs.</source>
        <translation>它与其他 GPU 相比承担模型的多少。GPU 相同时，份额相同最快。</translation>
    </message>
    <message>
        <source>share </source>
        <translation>份额 </translation>
    </message>
    <message>
        <source>%1 of %2 free</source>
        <translation>%1，共 %2 可用</translation>
    </message>
    <message>
        <source>off</source>
        <translation>未使用</translation>
    </message>
    <message>
        <source>One after another: some of the layers on each</source>
        <translation>依次：每块放一部分层</translation>
    </message>
</context>
<context>
    <name>ui::InterruptionDialog</name>
    <message>
        <source>Change the model</source>
        <translation>更换模型</translation>
    </message>
    <message>
        <source>Unload the model</source>
        <translation>卸载模型</translation>
    </message>
    <message>
        <source>There is not enough memory for %1 beside %2, and %2 is still answering.</source>
        <translation>内存不足以同时容纳 %1 和 %2，而 %2 仍在回答。</translation>
    </message>
    <message>
        <source>%1 is still answering.</source>
        <translation>%1 仍在回答。</translation>
    </message>
    <message>
        <source>When they finish</source>
        <translation>等回答结束</translation>
    </message>
    <message>
        <source>Now, stop the answers</source>
        <translation>立即，停止回答</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>a request of another program (%1)</source>
        <translation>其他程序的一个请求（%1）</translation>
    </message>
</context>
<context>
    <name>ui::JobList</name>
    <message>
        <source>Downloads</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>Take off what is complete</source>
        <translation>清除已完成的</translation>
    </message>
</context>
<context>
    <name>ui::JobRow</name>
    <message>
        <source>Earlier</source>
        <translation>提前</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>推后</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>Progress of %1</source>
        <translation>%1 的进度</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>加载</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Take it off the list; the files stay</source>
        <translation>从列表中移除；文件保留</translation>
    </message>
    <message>
        <source>Cancel, and delete what has come</source>
        <translation>取消，并删除已收到的部分</translation>
    </message>
</context>
<context>
    <name>ui::LaneView</name>
    <message>
        <source>Budget</source>
        <translation>预算</translation>
    </message>
    <message>
        <source>Stop this agent. What it wrote stays.</source>
        <translation>停止这个智能体，已写的内容会保留。</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Open as a chat, to ask further</source>
        <translation>作为对话打开，继续提问</translation>
    </message>
    <message>
        <source>Open as a chat</source>
        <translation>作为对话打开</translation>
    </message>
    <message>
        <source>Answer of %1</source>
        <translation>%1 的回答</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>budget used up</source>
        <translation>预算已用完</translation>
    </message>
    <message>
        <source>done</source>
        <translation>已完成</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>%1 of %2 tokens</source>
        <translation>%1 / %2 词元</translation>
    </message>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n 个词元</numerusform>
        </translation>
    </message>
    <message>
        <source>Pause: it keeps what it wrote and goes on later</source>
        <translation>暂停：保留已写的内容，之后继续</translation>
    </message>
    <message>
        <source>Go on where it was</source>
        <translation>从停下的地方继续</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>继续</translation>
    </message>
</context>
<context>
    <name>ui::LanesView</name>
    <message>
        <source>Lanes of the requests</source>
        <translation>请求泳道</translation>
    </message>
    <message numerus="yes">
        <source>%n request(s) in the last half minute</source>
        <translation>
            <numerusform>最近半分钟有 %n 个请求</numerusform>
        </translation>
    </message>
    <message>
        <source>now</source>
        <translation>现在</translation>
    </message>
    <message>
        <source>−%1 s</source>
        <translation>−%1 秒</translation>
    </message>
    <message>
        <source>No request in the last half minute. Ask something in the chat.</source>
        <translation>最近半分钟没有请求。到对话里问点什么吧。</translation>
    </message>
</context>
<context>
    <name>ui::LeaveDialog</name>
    <message>
        <source>Answers are still being written</source>
        <translation>仍在生成回答</translation>
    </message>
    <message numerus="yes">
        <source>%n chat(s) are still answering. What has arrived is saved in any case.</source>
        <translation>
            <numerusform>仍有 %n 个对话正在回答。已收到的内容无论如何都会保存。</numerusform>
        </translation>
    </message>
    <message>
        <source>Keep generating (in the tray)</source>
        <translation>继续生成（到托盘）</translation>
    </message>
    <message>
        <source>Keep generating (minimise)</source>
        <translation>继续生成（最小化）</translation>
    </message>
    <message>
        <source>Stop and quit</source>
        <translation>停止并退出</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
</context>
<context>
    <name>ui::LibraryListModel</name>
    <message>
        <source>Not there now: %1</source>
        <translation>现在不在：%1</translation>
    </message>
    <message>
        <source>%1 (built in)</source>
        <translation>%1（内置）</translation>
    </message>
    <message>
        <source>Cannot be used</source>
        <translation>无法使用</translation>
    </message>
</context>
<context>
    <name>ui::MemoryBar</name>
    <message>
        <source>weights %1</source>
        <translation>权重 %1</translation>
    </message>
    <message>
        <source>KV cache %1</source>
        <translation>KV 缓存 %1</translation>
    </message>
    <message>
        <source>workspace %1</source>
        <translation>工作区 %1</translation>
    </message>
    <message>
        <source>others %1</source>
        <translation>其他 %1</translation>
    </message>
</context>
<context>
    <name>ui::MessageActions</name>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copy message</source>
        <translation>复制消息</translation>
    </message>
    <message>
        <source>Edit</source>
        <translation>编辑</translation>
    </message>
    <message>
        <source>Edit message</source>
        <translation>编辑消息</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>重新生成</translation>
    </message>
    <message>
        <source>Regenerate answer</source>
        <translation>重新生成回答</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Continue answer</source>
        <translation>继续回答</translation>
    </message>
    <message>
        <source>Previous version</source>
        <translation>上一版本</translation>
    </message>
    <message>
        <source>Next version</source>
        <translation>下一版本</translation>
    </message>
    <message>
        <source>Answer now</source>
        <translation>立即回答</translation>
    </message>
    <message>
        <source>Stop thinking and answer now</source>
        <translation>停止思考，立即回答</translation>
    </message>
    <message>
        <source>Message actions</source>
        <translation>消息操作</translation>
    </message>
    <message>
        <source>Recompute</source>
        <translation>重新计算</translation>
    </message>
    <message>
        <source>Compute the answer anew</source>
        <translation>重新计算此回答</translation>
    </message>
    <message>
        <source>Where the time went</source>
        <translation>时间去向</translation>
    </message>
</context>
<context>
    <name>ui::ModelCardView</name>
    <message>
        <source>Load</source>
        <translation>加载</translation>
    </message>
    <message>
        <source>Eject</source>
        <translation>卸载</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Forget this model</source>
        <translation>忘记此模型</translation>
    </message>
    <message>
        <source>About this model</source>
        <translation>关于此模型</translation>
    </message>
    <message>
        <source>Overview</source>
        <translation>概览</translation>
    </message>
    <message>
        <source>What fits</source>
        <translation>能否放下</translation>
    </message>
    <message>
        <source>Quality</source>
        <translation>质量</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>Favourite</source>
        <translation>收藏</translation>
    </message>
    <message>
        <source>Favourites stand first in the list</source>
        <translation>收藏的模型排在列表最前</translation>
    </message>
    <message>
        <source>Gives the memory back; the file stays</source>
        <translation>归还内存；文件保留</translation>
    </message>
    <message>
        <source>It is not there now. This takes it off the list, with its note.</source>
        <translation>它现在不在。此操作将它连同备注从列表中移除。</translation>
    </message>
    <message>
        <source>Loading</source>
        <translation>正在加载</translation>
    </message>
    <message>
        <source>%1 · context %2</source>
        <translation>%1 · 上下文 %2</translation>
    </message>
    <message>
        <source>This is %1, taught with answers of DeepSeek-R1. It is not DeepSeek-R1 itself, which has 671 billion parameters.</source>
        <translation>它是用 DeepSeek-R1 的回答训练过的 %1，不是拥有 6710 亿参数的 DeepSeek-R1 本身。</translation>
    </message>
    <message>
        <source>Its disk or folder is not there now: %1</source>
        <translation>它所在的磁盘或文件夹现在不在：%1</translation>
    </message>
    <message>
        <source>Waits for running answers to end</source>
        <translation>等待正在生成的回答结束</translation>
    </message>
    <message>
        <source>Loading: %1 of %2</source>
        <translation>正在加载：%1 / %2</translation>
    </message>
    <message>
        <source>Opening…</source>
        <translation>正在打开…</translation>
    </message>
    <message>
        <source>Loaded as %1, KV %2, on %3</source>
        <translation>已加载为 %1，KV %2，设备 %3</translation>
    </message>
    <message>
        <source>Copy details</source>
        <translation>复制详情</translation>
    </message>
    <message>
        <source>The sentence with file, formats and version, for a report</source>
        <translation>这句话以及文件、格式和版本，便于报告问题</translation>
    </message>
</context>
<context>
    <name>ui::ModelDefaultsEditor</name>
    <message>
        <source>As published</source>
        <translation>恢复发布值</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>Min-p</source>
        <translation>Min-p</translation>
    </message>
    <message>
        <source>Context, tokens</source>
        <translation>上下文（词元）</translation>
    </message>
    <message>
        <source>automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>What chats with it begin with</source>
        <translation>与它对话时的默认值</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>系统提示词</translation>
    </message>
    <message>
        <source>none</source>
        <translation>无</translation>
    </message>
    <message>
        <source>DeepSeek recommends none for this model: put instructions into the question.</source>
        <translation>DeepSeek 建议此模型不用系统提示词：把要求写进问题里。</translation>
    </message>
    <message>
        <source>changed by you</source>
        <translation>已由你修改</translation>
    </message>
    <message>
        <source>as published</source>
        <translation>与发布值相同</translation>
    </message>
</context>
<context>
    <name>ui::ModelFilesView</name>
    <message>
        <source>Files</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>SHA-256</source>
        <translation>SHA-256</translation>
    </message>
    <message>
        <source>Compare the hash with the one your source states: equal means that the file arrived whole.</source>
        <translation>将哈希值与来源公布的比较：相同说明文件完整无损。</translation>
    </message>
    <message>
        <source>Copy the hashes</source>
        <translation>复制哈希值</translation>
    </message>
    <message>
        <source>As sha256sum --check reads them</source>
        <translation>格式与 sha256sum --check 相同</translation>
    </message>
    <message>
        <source>Changed: %1</source>
        <translation>修改时间：%1</translation>
    </message>
    <message>
        <source>%1 of %2 read</source>
        <translation>已读 %1 / %2</translation>
    </message>
</context>
<context>
    <name>ui::ModelFitsView</name>
    <message>
        <source>fits</source>
        <translation>放得下</translation>
    </message>
    <message>
        <source>tight</source>
        <translation>勉强</translation>
    </message>
    <message>
        <source>no</source>
        <translation>放不下</translation>
    </message>
    <message>
        <source>a context of %1: %2</source>
        <translation>上下文 %1：%2</translation>
    </message>
    <message>
        <source>%1 weights: %2</source>
        <translation>%1 权重：%2</translation>
    </message>
    <message>
        <source>the KV cache as %1: %2</source>
        <translation>KV 缓存用 %1：%2</translation>
    </message>
    <message>
        <source>one answer at a time: %1</source>
        <translation>一次只答一个：%1</translation>
    </message>
    <message>
        <source>on %1: %2</source>
        <translation>在 %1 上：%2</translation>
    </message>
    <message>
        <source>%1: weights %2 + KV cache %3 + workspace %4 = %5 (%6 bytes), of %7 free</source>
        <translation>%1：权重 %2 + KV 缓存 %3 + 工作区 %4 = %5（%6 字节），可用 %7</translation>
    </message>
    <message>
        <source>Measure again</source>
        <translation>重新测量</translation>
    </message>
    <message>
        <source>Load like this</source>
        <translation>按此加载</translation>
    </message>
    <message>
        <source>What fits</source>
        <translation>能否放下</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>KV cache: automatic</source>
        <translation>KV 缓存：自动</translation>
    </message>
    <message>
        <source>KV cache: INT8</source>
        <translation>KV 缓存：INT8</translation>
    </message>
    <message>
        <source>KV cache: BF16</source>
        <translation>KV 缓存：BF16</translation>
    </message>
    <message>
        <source>KV cache: F32</source>
        <translation>KV 缓存：F32</translation>
    </message>
    <message>
        <source>Answers at the same time</source>
        <translation>同时回答数</translation>
    </message>
    <message>
        <source>Answers that run at the same time. They share the KV cache: one alone can use the whole context.</source>
        <translation>同时生成的回答数。它们共用 KV 缓存：单独一个仍可使用整个上下文。</translation>
    </message>
    <message>
        <source> answers at once</source>
        <translation> 个同时回答</translation>
    </message>
    <message>
        <source>Free memory counts the %1 that the loaded model would give back.</source>
        <translation>可用内存已计入当前模型将归还的 %1。</translation>
    </message>
    <message>
        <source>Compared with the memory that is free now.</source>
        <translation>与现在可用的内存比较。</translation>
    </message>
    <message>
        <source>Measuring how fast this machine reads, at most ten seconds …</source>
        <translation>正在测量这台机器的读取速度，最多十秒……</translation>
    </message>
    <message>
        <source>%1 tokens</source>
        <translation>%1 词元</translation>
    </message>
    <message>
        <source>%1 weights, context %2</source>
        <translation>%1 权重，上下文 %2</translation>
    </message>
    <message>
        <source>Nothing of this model fits here: choose a smaller one.</source>
        <translation>这个模型在这里怎样都放不下：请选小一些的。</translation>
    </message>
    <message>
        <source>It does not fit. What would: %1.</source>
        <translation>放不下。以下可以：%1。</translation>
    </message>
    <message>
        <source>Speeds need a measurement, which waits until no answer runs.</source>
        <translation>速度需要一次测量，它会等到没有回答在运行时进行。</translation>
    </message>
    <message numerus="yes">
        <source>%n GPU(s)</source>
        <translation>
            <numerusform>%n 块 GPU</numerusform>
        </translation>
    </message>
    <message>
        <source>Measure now</source>
        <translation>立即测量</translation>
    </message>
    <message>
        <source>Stop measuring</source>
        <translation>停止测量</translation>
    </message>
    <message>
        <source>Speeds are predicted from a measurement of this machine, %1.</source>
        <translation>速度由对这台机器的一次测量推算，测量时间：%1。</translation>
    </message>
    <message>
        <source>Speeds need a measurement; it was stopped.</source>
        <translation>推算速度需要先测量；测量已被停止。</translation>
    </message>
</context>
<context>
    <name>ui::ModelOverview</name>
    <message>
        <source>not known</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>not stated</source>
        <translation>未注明</translation>
    </message>
    <message>
        <source>%1, distilled from DeepSeek-R1</source>
        <translation>%1，由 DeepSeek-R1 蒸馏</translation>
    </message>
    <message>
        <source>temperature %1, top-p %2</source>
        <translation>温度 %1，top-p %2</translation>
    </message>
    <message>
        <source>, top-k %1</source>
        <translation>，top-k %1</translation>
    </message>
    <message>
        <source>%1 (as its publisher states)</source>
        <translation>%1（发布者给出）</translation>
    </message>
    <message>
        <source>%1, no system prompt (as DeepSeek recommends)</source>
        <translation>%1，不用系统提示词（DeepSeek 建议）</translation>
    </message>
    <message>
        <source>%1 (ours: its publisher states none)</source>
        <translation>%1（我们的：发布者未给出）</translation>
    </message>
    <message>
        <source>being computed</source>
        <translation>正在计算</translation>
    </message>
    <message>
        <source>of %1 of %2 files, see Files</source>
        <translation>%2 个文件中已有 %1 个，见“文件”</translation>
    </message>
    <message>
        <source>Family</source>
        <translation>系列</translation>
    </message>
    <message>
        <source>Made from</source>
        <translation>基础模型</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>网络</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>参数</translation>
    </message>
    <message>
        <source>Format</source>
        <translation>格式</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>上下文</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>许可证</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Place</source>
        <translation>位置</translation>
    </message>
    <message>
        <source>Command line</source>
        <translation>命令行</translation>
    </message>
    <message>
        <source>SHA-256</source>
        <translation>SHA-256</translation>
    </message>
    <message>
        <source>Your note</source>
        <translation>你的备注</translation>
    </message>
    <message>
        <source>What it is good for, where it came from …</source>
        <translation>它擅长什么、从哪里来……</translation>
    </message>
    <message>
        <source>%1 · %2 layers of width %3 · %4 heads, %5 for keys and values</source>
        <translation>%1 · %2 层，宽 %3 · %4 个头，其中键值 %5 个</translation>
    </message>
    <message>
        <source>%1 tokens</source>
        <translation>%1 词元</translation>
    </message>
    <message>
        <source>not stated in the files</source>
        <translation>文件中未注明</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copy the SHA-256</source>
        <translation>复制 SHA-256</translation>
    </message>
</context>
<context>
    <name>ui::ModelPicker</name>
    <message>
        <source>Recent</source>
        <translation>最近</translation>
    </message>
    <message>
        <source>Automatic: what the file holds, at most 8 bits</source>
        <translation>自动：沿用文件格式，最多 8 位</translation>
    </message>
    <message>
        <source>INT4: smallest and fastest, some loss</source>
        <translation>INT4：最小最快，略有损失</translation>
    </message>
    <message>
        <source>INT8: a quarter of F32, hardly any loss</source>
        <translation>INT8：F32 的四分之一，几乎无损失</translation>
    </message>
    <message>
        <source>BF16: as most models were trained</source>
        <translation>BF16：多数模型训练时的格式</translation>
    </message>
    <message>
        <source>F32: exact, slow, large</source>
        <translation>F32：精确，但慢且占用大</translation>
    </message>
    <message>
        <source>Open a model file</source>
        <translation>打开模型文件</translation>
    </message>
    <message>
        <source>Models (*.gguf)</source>
        <translation>模型 (*.gguf)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>所有文件 (*)</translation>
    </message>
    <message>
        <source>Open a model folder (config.json and safetensors)</source>
        <translation>打开模型文件夹（config.json 和 safetensors）</translation>
    </message>
    <message>
        <source>Ember (built in)</source>
        <translation>Ember（内置）</translation>
    </message>
    <message>
        <source>%1 (not there now)</source>
        <translation>%1（目前不存在）</translation>
    </message>
    <message>
        <source>%1 · %2 · weights %3 · KV %4</source>
        <translation>%1 · %2 · 权重 %3 · KV %4</translation>
    </message>
    <message>
        <source>Library</source>
        <translation>模型库</translation>
    </message>
</context>
<context>
    <name>ui::ModelQualityView</name>
    <message>
        <source>Make an INT8 file</source>
        <translation>制作 INT8 文件</translation>
    </message>
    <message>
        <source>Make an INT4 file</source>
        <translation>制作 INT4 文件</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Show the new model</source>
        <translation>显示新模型</translation>
    </message>
    <message>
        <source>Measure</source>
        <translation>测量</translation>
    </message>
    <message>
        <source>Conversion</source>
        <translation>转换</translation>
    </message>
    <message>
        <source>Make it smaller</source>
        <translation>变小</translation>
    </message>
    <message>
        <source>Writes a GGUF file beside your other models; other programs can open it too. The original stays as it is.</source>
        <translation>在你的其他模型旁写一个 GGUF 文件；别的程序也能打开。原件保持不变。</translation>
    </message>
    <message>
        <source>%1 was written: %2, from %3.</source>
        <translation>已写入 %1：%2，原为 %3。</translation>
    </message>
    <message numerus="yes">
        <source>%n tensor(s) stayed in F16, because their rows cannot be cut into groups of 32.</source>
        <translation>
            <numerusform>%n 个张量保留为 F16，因为它们的行无法按 32 个一组切分。</numerusform>
        </translation>
    </message>
    <message>
        <source>Cancelled.</source>
        <translation>已取消。</translation>
    </message>
    <message>
        <source>Text to measure on</source>
        <translation>用来测量的文本</translation>
    </message>
    <message>
        <source>Sample text, English and Chinese</source>
        <translation>示例文本（中英文）</translation>
    </message>
    <message>
        <source>A text file…</source>
        <translation>文本文件…</translation>
    </message>
    <message>
        <source>Measurement</source>
        <translation>测量</translation>
    </message>
    <message>
        <source>Quality</source>
        <translation>质量</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>版本</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>Weights in memory</source>
        <translation>内存中的权重</translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation>困惑度</translation>
    </message>
    <message>
        <source>KL, nats</source>
        <translation>KL（nat）</translation>
    </message>
    <message>
        <source>Same first choice</source>
        <translation>首选一致</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>速度</translation>
    </message>
    <message>
        <source>How surprised the model is by the text; lower is better</source>
        <translation>模型对文本的意外程度；越低越好</translation>
    </message>
    <message>
        <source>How far its predictions are from the original&apos;s; below 0.01 nobody notices</source>
        <translation>它的预测与原件相差多少；低于 0.01 没人能察觉</translation>
    </message>
    <message>
        <source>How often it thinks the same token the likeliest</source>
        <translation>它认为最可能的词元与原件相同的比例</translation>
    </message>
    <message>
        <source>What it costs</source>
        <translation>代价</translation>
    </message>
    <message>
        <source>The original and the smaller versions read a text side by side: at most its first 2,000 tokens.</source>
        <translation>原件和较小的版本并排读同一段文本：最多前 2,000 个词元。</translation>
    </message>
    <message>
        <source>Writing …</source>
        <translation>正在写入……</translation>
    </message>
    <message>
        <source>Another model is being converted.</source>
        <translation>正在转换另一个模型。</translation>
    </message>
    <message>
        <source>Choose a text</source>
        <translation>选择文本</translation>
    </message>
    <message>
        <source>Texts (*.txt *.md *.json *.cpp *.py)</source>
        <translation>文本 (*.txt *.md *.json *.cpp *.py)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>所有文件 (*)</translation>
    </message>
    <message>
        <source>%1 (file)</source>
        <translation>%1（文件）</translation>
    </message>
    <message>
        <source>Loaded as %1</source>
        <translation>加载为 %1</translation>
    </message>
    <message>
        <source>This model brings no tokenizer, so it cannot read a text.</source>
        <translation>这个模型没有分词器，无法读文本。</translation>
    </message>
    <message>
        <source>Both versions are loaded beside what is loaded already …</source>
        <translation>两个版本会在已加载的模型之外另行加载……</translation>
    </message>
    <message>
        <source>%1 tokens on %2.</source>
        <translation>%1 个词元，设备 %2。</translation>
    </message>
    <message>
        <source>Original, as %1</source>
        <translation>原件，%1</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>Another model is being measured.</source>
        <translation>正在测量另一个模型。</translation>
    </message>
</context>
<context>
    <name>ui::ModelsPage</name>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Sections of this page</source>
        <translation>本页的各部分</translation>
    </message>
    <message>
        <source>On this computer</source>
        <translation>本机</translation>
    </message>
    <message>
        <source>Search models</source>
        <translation>搜索模型</translation>
    </message>
    <message>
        <source>Folders</source>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>The folders that are looked through for models</source>
        <translation>在这些文件夹里查找模型</translation>
    </message>
    <message>
        <source>Looking…</source>
        <translation>正在查找…</translation>
    </message>
    <message numerus="yes">
        <source>%n model(s)</source>
        <translation>
            <numerusform>%n 个模型</numerusform>
        </translation>
    </message>
    <message>
        <source>Choose a model.</source>
        <translation>请选择一个模型。</translation>
    </message>
    <message>
        <source>Add a folder…</source>
        <translation>添加文件夹…</translation>
    </message>
    <message>
        <source>Look again</source>
        <translation>重新查找</translation>
    </message>
    <message>
        <source>%1 (not there now)</source>
        <translation>%1（现在不在）</translation>
    </message>
    <message>
        <source>%1 (read only)</source>
        <translation>%1（只读）</translation>
    </message>
    <message>
        <source>The program&apos;s own folder</source>
        <translation>本程序自己的文件夹</translation>
    </message>
    <message>
        <source>Remove from the library (deletes nothing)</source>
        <translation>从模型库移除（不删除文件）</translation>
    </message>
    <message>
        <source>Add a folder with models</source>
        <translation>添加放有模型的文件夹</translation>
    </message>
    <message>
        <source>There are no models yet. Fetch one with “Get models” above, or add a folder that holds some with “Folders” below: GGUF files, or folders with config.json and safetensors.</source>
        <translation>还没有模型。请用上方的“获取模型”下载一个，或用下方的“文件夹”添加一个放有模型的文件夹：GGUF 文件，或含 config.json 和 safetensors 的文件夹。</translation>
    </message>
</context>
<context>
    <name>ui::Pages</name>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Dashboard</source>
        <translation>仪表盘</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Versions</source>
        <translation>版本</translation>
    </message>
    <message>
        <source>Get models</source>
        <translation>获取模型</translation>
    </message>
    <message>
        <source>Agents</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>速度</translation>
    </message>
</context>
<context>
    <name>ui::RequestTableModel</name>
    <message>
        <source>%1 of %2 read</source>
        <translation>已读 %1 / %2</translation>
    </message>
    <message>
        <source>about %1 to go</source>
        <translation>约需 %1</translation>
    </message>
    <message>
        <source>%1 written</source>
        <translation>已写 %1</translation>
    </message>
    <message>
        <source>%1 in, %2 out</source>
        <translation>入 %1，出 %2</translation>
    </message>
    <message>
        <source>, %1 cached</source>
        <translation>，缓存 %1</translation>
    </message>
    <message>
        <source>P0 · chat</source>
        <translation>P0 · 对话</translation>
    </message>
    <message>
        <source>P1 · agents, API</source>
        <translation>P1 · 智能体、API</translation>
    </message>
    <message>
        <source>P2 · batch</source>
        <translation>P2 · 批处理</translation>
    </message>
    <message>
        <source>waiting, place %1</source>
        <translation>等待，第 %1 位</translation>
    </message>
    <message>
        <source>reading</source>
        <translation>读取中</translation>
    </message>
    <message>
        <source>answering</source>
        <translation>回答中</translation>
    </message>
    <message>
        <source>done</source>
        <translation>完成</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>失败</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Client</source>
        <translation>客户端</translation>
    </message>
    <message>
        <source>Priority</source>
        <translation>优先级</translation>
    </message>
    <message>
        <source>Phase</source>
        <translation>阶段</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>进度</translation>
    </message>
    <message>
        <source>Tokens</source>
        <translation>词元</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>速度</translation>
    </message>
    <message>
        <source>Waited</source>
        <translation>等待时间</translation>
    </message>
</context>
<context>
    <name>ui::RequestsPage</name>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Priority of the chosen request</source>
        <translation>所选请求的优先级</translation>
    </message>
    <message>
        <source>Stop the chosen request</source>
        <translation>停止所选请求</translation>
    </message>
    <message>
        <source>%1 running, %2 waiting</source>
        <translation>%1 个运行中，%2 个等待</translation>
    </message>
</context>
<context>
    <name>ui::RooflineView</name>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>Embedding</source>
        <translation>词嵌入</translation>
    </message>
    <message>
        <source>Queries, keys, values</source>
        <translation>查询、键、值</translation>
    </message>
    <message>
        <source>Storing keys and values</source>
        <translation>存入键和值</translation>
    </message>
    <message>
        <source>Attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>Attention output</source>
        <translation>注意力输出</translation>
    </message>
    <message>
        <source>Feed-forward, gate and up</source>
        <translation>前馈：门控与上投影</translation>
    </message>
    <message>
        <source>Feed-forward, down</source>
        <translation>前馈：下投影</translation>
    </message>
    <message>
        <source>Logits</source>
        <translation>Logits</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>Between the stages</source>
        <translation>各阶段之间</translation>
    </message>
    <message>
        <source>%1 of compute</source>
        <translation>算力的 %1</translation>
    </message>
    <message>
        <source>%1 of memory</source>
        <translation>内存带宽的 %1</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Where the time goes</source>
        <translation>时间花在哪里</translation>
    </message>
    <message>
        <source>Every stage of a step against what this device can do at most: read from memory, and compute. Measuring takes some seconds, loads the model a second time and keeps the device busy: answers under way become slower.</source>
        <translation>每一步的各个阶段，与本设备的极限（读取内存和计算）相比。测量需要几秒钟，会把模型再加载一份，并占满设备：正在生成的回答会变慢。</translation>
    </message>
    <message>
        <source>Measurement</source>
        <translation>测量</translation>
    </message>
    <message>
        <source>Stages</source>
        <translation>各阶段</translation>
    </message>
    <message>
        <source>Stage</source>
        <translation>阶段</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>Share</source>
        <translation>占比</translation>
    </message>
    <message>
        <source>Reached</source>
        <translation>达到</translation>
    </message>
    <message>
        <source>Of all layers together</source>
        <translation>所有层合计</translation>
    </message>
    <message>
        <source>Weights, scales, keys and values that it read</source>
        <translation>它读取的权重、缩放系数、键和值</translation>
    </message>
    <message>
        <source>1,000,000,000,000 multiplications and additions a second</source>
        <translation>每秒一万亿次乘法和加法</translation>
    </message>
    <message>
        <source>Of the limit that it comes nearest to</source>
        <translation>相对于它最接近的那个极限</translation>
    </message>
    <message>
        <source>Measure again</source>
        <translation>重新测量</translation>
    </message>
    <message>
        <source>Measure now</source>
        <translation>立即测量</translation>
    </message>
    <message>
        <source>Loading and measuring …</source>
        <translation>正在加载并测量…</translation>
    </message>
    <message>
        <source>Another model is being measured.</source>
        <translation>正在测量另一个模型。</translation>
    </message>
    <message>
        <source>%1, weights %2, activations %3, KV %4.</source>
        <translation>%1，权重 %2，激活值 %3，KV %4。</translation>
    </message>
    <message>
        <source>Measured limits: %1 GB/s, %2 TOPS in products, %3 TOPS in attention.</source>
        <translation>实测极限：%1 GB/s，矩阵乘法 %2 TOPS，注意力 %3 TOPS。</translation>
    </message>
    <message>
        <source>Decode, one token</source>
        <translation>解码，一个词元</translation>
    </message>
    <message numerus="yes">
        <source>Prefill, a prompt of %n token(s)</source>
        <translation>
            <numerusform>预填充，%n 个词元的提示</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 ms</source>
        <translation>%1 毫秒</translation>
    </message>
    <message>
        <source>More than 100 % of memory: it was read from the processor&apos;s cache, or other programs kept the memory busy while its limit was measured.</source>
        <translation>超过内存带宽的 100 %：数据来自处理器的缓存，或者测量极限时其他程序正占用内存。</translation>
    </message>
</context>
<context>
    <name>ui::RunForm</name>
    <message>
        <source>There is no agent yet. Add one, or take those that come with the program.</source>
        <translation>还没有智能体。请添加一个，或使用程序自带的智能体。</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>开始</translation>
    </message>
    <message>
        <source>Ask several agents at once</source>
        <translation>同时询问多个智能体</translation>
    </message>
    <message>
        <source>Each agent answers the same task in its own role, side by side. They share what they read, so every further agent costs little more than its answer.</source>
        <translation>每个智能体以自己的角色并排回答同一个任务。它们共享读过的内容，因此多一个智能体只多出它的回答。</translation>
    </message>
    <message>
        <source>Task</source>
        <translation>任务</translation>
    </message>
    <message>
        <source>What shall they work on?</source>
        <translation>要它们做什么？</translation>
    </message>
    <message>
        <source>Material (optional)</source>
        <translation>材料（可选）</translation>
    </message>
    <message>
        <source>A text, code or notes that all of them get with the task</source>
        <translation>随任务一起交给所有智能体的文字、代码或笔记</translation>
    </message>
    <message>
        <source>Take it from a file…</source>
        <translation>从文件读取…</translation>
    </message>
    <message>
        <source>Ctrl+Enter in the task</source>
        <translation>在任务中按 Ctrl+Enter</translation>
    </message>
    <message>
        <source>Edit the agents…</source>
        <translation>编辑智能体…</translation>
    </message>
    <message>
        <source>Agents</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>Closing answer</source>
        <translation>总结回答</translation>
    </message>
    <message>
        <source>When all have answered, one agent can receive all answers and bring them together.</source>
        <translation>全部回答之后，可以由一个智能体接收所有回答并加以汇总。</translation>
    </message>
    <message>
        <source>Nobody</source>
        <translation>无</translation>
    </message>
    <message>
        <source>Material from a text file</source>
        <translation>从文本文件读取材料</translation>
    </message>
    <message>
        <source>%1 could not be read: %2.</source>
        <translation>无法读取 %1：%2。</translation>
    </message>
    <message>
        <source>%1 is not a text of at most 4 MiB.</source>
        <translation>%1 不是不超过 4 MiB 的文本。</translation>
    </message>
    <message>
        <source>Choose a model in a chat first.</source>
        <translation>请先在对话中选择模型。</translation>
    </message>
    <message>
        <source>Choose at least one agent.</source>
        <translation>请至少选择一个智能体。</translation>
    </message>
    <message>
        <source>Choose at most %1 agents.</source>
        <translation>最多选择 %1 个智能体。</translation>
    </message>
    <message>
        <source>%1 is not UTF-8 text. Save it as UTF-8, then take it again.</source>
        <translation>%1 不是 UTF-8 文本。请另存为 UTF-8，然后重新选取。</translation>
    </message>
</context>
<context>
    <name>ui::RunView</name>
    <message>
        <source>Stop all</source>
        <translation>全部停止</translation>
    </message>
    <message>
        <source>Let it answer now</source>
        <translation>现在就回答</translation>
    </message>
    <message>
        <source>with material of %1 characters</source>
        <translation>附有 %1 个字符的材料</translation>
    </message>
    <message>
        <source>%1 of %2 have ended</source>
        <translation>%1 / %2 已结束</translation>
    </message>
    <message>
        <source>%1 answers with all these answers before it.</source>
        <translation>“%1”会根据以上全部回答作答。</translation>
    </message>
</context>
<context>
    <name>ui::ServerPage</name>
    <message>
        <source>Let other programs use the models</source>
        <translation>允许其他程序使用模型</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Programs that speak OpenAI&apos;s protocol can ask the models of this computer. Nothing leaves it.</source>
        <translation>支持 OpenAI 协议的程序可以向这台计算机上的模型提问。数据不会离开本机。</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>This computer only (127.0.0.1)</source>
        <translation>仅这台计算机（127.0.0.1）</translation>
    </message>
    <message>
        <source>Every computer in the network (0.0.0.0)</source>
        <translation>网络中的所有计算机（0.0.0.0）</translation>
    </message>
    <message>
        <source>Who can reach the server</source>
        <translation>谁可以访问服务器</translation>
    </message>
    <message>
        <source>any free one</source>
        <translation>任意空闲端口</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>端口</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>密钥</translation>
    </message>
    <message>
        <source>With a key, every request needs one. Beyond this computer the server listens only when there is one.</source>
        <translation>有密钥后，每个请求都必须带上密钥。只有存在密钥时，服务器才会对其他计算机开放。</translation>
    </message>
    <message>
        <source>What the key is for</source>
        <translation>密钥的用途</translation>
    </message>
    <message>
        <source>New key</source>
        <translation>新建密钥</translation>
    </message>
    <message>
        <source>Revoke</source>
        <translation>吊销</translation>
    </message>
    <message>
        <source>The new key</source>
        <translation>新密钥</translation>
    </message>
    <message>
        <source>Copy it now: it is not shown again.</source>
        <translation>请现在复制：它不会再次显示。</translation>
    </message>
    <message>
        <source>Copy the key</source>
        <translation>复制密钥</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Begins with</source>
        <translation>开头</translation>
    </message>
    <message>
        <source>Last used</source>
        <translation>上次使用</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求数</translation>
    </message>
    <message>
        <source>Tokens in</source>
        <translation>输入词元</translation>
    </message>
    <message>
        <source>Tokens out</source>
        <translation>输出词元</translation>
    </message>
    <message>
        <source>Example</source>
        <translation>示例</translation>
    </message>
    <message>
        <source>Copy the example</source>
        <translation>复制示例</translation>
    </message>
    <message>
        <source>Last requests</source>
        <translation>最近的请求</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>Client</source>
        <translation>客户端</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>ms</source>
        <translation>毫秒</translation>
    </message>
    <message>
        <source>Off.</source>
        <translation>已关闭。</translation>
    </message>
    <message>
        <source>Listening on %1, for this computer.</source>
        <translation>正在 %1 监听，仅限这台计算机。</translation>
    </message>
    <message>
        <source>Listening on %1, for every computer that can reach it.</source>
        <translation>正在 %1 监听，所有能访问它的计算机均可使用。</translation>
    </message>
    <message>
        <source>never</source>
        <translation>从未</translation>
    </message>
    <message>
        <source> (from the cache)</source>
        <translation>（来自缓存）</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>密钥</translation>
    </message>
    <message>
        <source>No key yet: programs on this computer need none.</source>
        <translation>还没有密钥：本机上的程序不需要密钥。</translation>
    </message>
    <message>
        <source>No program has asked yet.</source>
        <translation>还没有程序提问过。</translation>
    </message>
</context>
<context>
    <name>ui::SettingRow</name>
    <message>
        <source>reloads the model</source>
        <translation>会重新加载模型</translation>
    </message>
    <message>
        <source>%1: back to the default</source>
        <translation>%1：恢复默认值</translation>
    </message>
    <message>
        <source>Default: empty</source>
        <translation>默认：空</translation>
    </message>
    <message>
        <source>Default: %1</source>
        <translation>默认：%1</translation>
    </message>
</context>
<context>
    <name>ui::SettingsPage</name>
    <message>
        <source>Search settings</source>
        <translation>搜索设置</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Data folder</source>
        <translation>数据文件夹</translation>
    </message>
    <message>
        <source>Chats, settings and logs. Choose another one with --data-dir.</source>
        <translation>存放对话、设置和日志。可用 --data-dir 指定其他位置。</translation>
    </message>
    <message>
        <source>No setting has these words.</source>
        <translation>没有包含这些词的设置。</translation>
    </message>
    <message>
        <source>Reload the model</source>
        <translation>重新加载模型</translation>
    </message>
    <message>
        <source>Discard</source>
        <translation>放弃</translation>
    </message>
    <message>
        <source>Import…</source>
        <translation>导入…</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Takes settings from a file that was exported here</source>
        <translation>从这里导出的文件中读取设置</translation>
    </message>
    <message>
        <source>Writes all settings but the model&apos;s path and keys to a file</source>
        <translation>把除模型路径和密钥外的所有设置写入文件</translation>
    </message>
    <message>
        <source>Sections</source>
        <translation>分区</translation>
    </message>
    <message>
        <source>What connects to the internet</source>
        <translation>哪些会连接互联网</translation>
    </message>
    <message>
        <source>Ember (built in)</source>
        <translation>Ember（内置）</translation>
    </message>
    <message>
        <source>%1 (not there now)</source>
        <translation>%1（现在不在）</translation>
    </message>
    <message>
        <source>%1 is loaded when the answers end.</source>
        <translation>回答结束后加载 %1。</translation>
    </message>
    <message>
        <source>%1 is being loaded.</source>
        <translation>正在加载 %1。</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1：%2</translation>
    </message>
    <message>
        <source>%1: %2 → %3</source>
        <translation>%1：%2 → %3</translation>
    </message>
    <message>
        <source>This reloads the model. Chats stay as they are.</source>
        <translation>这会重新加载模型。聊天保持不变。</translation>
    </message>
    <message numerus="yes">
        <source>%n setting(s) changed.</source>
        <translation>
            <numerusform>更改了 %n 项设置。</numerusform>
        </translation>
    </message>
    <message>
        <source>Not known here: %1.</source>
        <translation>这里不认识：%1。</translation>
    </message>
    <message>
        <source>Import settings</source>
        <translation>导入设置</translation>
    </message>
    <message>
        <source>Settings (*.json)</source>
        <translation>设置 (*.json)</translation>
    </message>
    <message>
        <source>%1 cannot be read: %2.</source>
        <translation>无法读取 %1：%2。</translation>
    </message>
    <message>
        <source>Export settings</source>
        <translation>导出设置</translation>
    </message>
    <message>
        <source>The settings were written to %1.</source>
        <translation>设置已写入 %1。</translation>
    </message>
    <message>
        <source>%1 cannot be written: %2.</source>
        <translation>无法写入 %1：%2。</translation>
    </message>
</context>
<context>
    <name>ui::ShortcutsDialog</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Send the message</source>
        <translation>发送消息</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Enter</translation>
    </message>
    <message>
        <source>New line</source>
        <translation>换行</translation>
    </message>
    <message>
        <source>Shift+Enter</source>
        <translation>Shift+Enter</translation>
    </message>
    <message>
        <source>Edit the last message</source>
        <translation>编辑上一条消息</translation>
    </message>
    <message>
        <source>Up, in an empty input</source>
        <translation>在空输入框中按 ↑</translation>
    </message>
</context>
<context>
    <name>ui::Sidebar</name>
    <message>
        <source>New chat</source>
        <translation>新建对话</translation>
    </message>
    <message>
        <source>Search chats</source>
        <translation>搜索对话</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Your chats will be listed here. They stay on this computer.</source>
        <translation>你的对话会列在这里，并且只保存在这台电脑上。</translation>
    </message>
    <message>
        <source>Nothing found for “%1”.</source>
        <translation>未找到“%1”。</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>重命名</translation>
    </message>
    <message>
        <source>Unpin</source>
        <translation>取消置顶</translation>
    </message>
    <message>
        <source>Pin</source>
        <translation>置顶</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <translation>移到回收站</translation>
    </message>
    <message>
        <source>Open in a new tab</source>
        <translation>在新标签页中打开</translation>
    </message>
    <message>
        <source>Export or import chats</source>
        <translation>导出或导入对话</translation>
    </message>
    <message>
        <source>Export all chats…</source>
        <translation>导出全部对话…</translation>
    </message>
    <message>
        <source>Import chats…</source>
        <translation>导入对话…</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
</context>
<context>
    <name>ui::StatusStrip</name>
    <message>
        <source>Ready</source>
        <translation>就绪</translation>
    </message>
    <message>
        <source>Saving your message</source>
        <translation>正在保存消息</translation>
    </message>
    <message>
        <source>Reading %1 of %2 tokens</source>
        <translation>正在读取 %1 / %2 个词元</translation>
    </message>
    <message>
        <source>Reading</source>
        <translation>正在读取</translation>
    </message>
    <message>
        <source>Thinking</source>
        <translation>正在思考</translation>
    </message>
    <message>
        <source>Answering</source>
        <translation>正在回答</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>速度</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>上下文</translation>
    </message>
    <message>
        <source>No model loaded</source>
        <translation>未加载模型</translation>
    </message>
    <message>
        <source>Loading %1: %2 of %3</source>
        <translation>正在加载 %1：%2 / %3</translation>
    </message>
    <message>
        <source>Opening %1</source>
        <translation>正在打开 %1</translation>
    </message>
    <message>
        <source>%1 / %2 tokens</source>
        <translation>%1 / %2 词元</translation>
    </message>
    <message>
        <source>%1 running, %2 queued</source>
        <translation>%1 个运行中，%2 个排队</translation>
    </message>
    <message>
        <source>Waiting for the answers to end: %1</source>
        <translation>正在等待回答结束：%1</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Time to the first token</source>
        <translation>首词元延迟</translation>
    </message>
    <message>
        <source>CPU %1  %2 of %3</source>
        <translation>CPU %1  内存 %2 / %3</translation>
    </message>
    <message>
        <source>GPU %1  %2 of %3</source>
        <translation>GPU %1  显存 %2 / %3</translation>
    </message>
    <message>
        <source>TTFT %1</source>
        <translation>首词元 %1</translation>
    </message>
    <message>
        <source>Waiting: %1</source>
        <translation>等待中：%1</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>等待中</translation>
    </message>
</context>
<context>
    <name>ui::Transcript</name>
    <message>
        <source>Conversation</source>
        <translation>对话内容</translation>
    </message>
    <message>
        <source>↓  Jump to latest</source>
        <translation>↓  跳到最新</translation>
    </message>
    <message>
        <source>Jump to latest</source>
        <translation>跳到最新</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copy message</source>
        <translation>复制消息</translation>
    </message>
    <message>
        <source>Copy link</source>
        <translation>复制链接</translation>
    </message>
    <message>
        <source>Select all</source>
        <translation>全选</translation>
    </message>
</context>
<context>
    <name>ui::TranscriptItem</name>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 min %2 s</source>
        <translation>%1 分 %2 秒</translation>
    </message>
    <message>
        <source>%1 tokens</source>
        <translation>%1 个词元</translation>
    </message>
    <message>
        <source>Thinking… %1 · %2</source>
        <translation>正在思考… %1 · %2</translation>
    </message>
    <message>
        <source>Thought for %1 · %2</source>
        <translation>思考了 %1 · %2</translation>
    </message>
</context>
<context>
    <name>ui::Tray</name>
    <message>
        <source>Open Inglenook</source>
        <translation>打开 Inglenook</translation>
    </message>
    <message numerus="yes">
        <source>Inglenook: %n chat(s) answering</source>
        <translation>
            <numerusform>Inglenook：%n 个对话正在回答</numerusform>
        </translation>
    </message>
    <message>
        <source>The answers go on here. A click opens the window again.</source>
        <translation>回答在这里继续生成。点击可重新打开窗口。</translation>
    </message>
</context>
<context>
    <name>ui::VersionsView</name>
    <message>
        <source>Look for an update</source>
        <translation>检查更新</translation>
    </message>
    <message>
        <source>Go back to this version</source>
        <translation>回到此版本</translation>
    </message>
    <message>
        <source>Older versions</source>
        <translation>旧版本</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>版本</translation>
    </message>
    <message>
        <source>In place since</source>
        <translation>启用时间</translation>
    </message>
    <message>
        <source>Kept beside</source>
        <translation>另占空间</translation>
    </message>
    <message>
        <source>Asking …</source>
        <translation>正在询问…</translation>
    </message>
    <message>
        <source>The update is in the downloads of “Get models”.</source>
        <translation>更新已加入“获取模型”的下载列表。</translation>
    </message>
    <message>
        <source>This version is in place now. A model that is loaded goes on with the files it has open until it is loaded again.</source>
        <translation>此版本现已启用。已加载的模型会继续使用它打开的文件，直到重新加载。</translation>
    </message>
    <message>
        <source>%1, version %2.</source>
        <translation>%1，版本 %2。</translation>
    </message>
    <message>
        <source>This model did not come through a download, so there are no versions of it to update or to go back to.</source>
        <translation>此模型不是通过下载得到的，因此没有可更新或可回退的版本。</translation>
    </message>
    <message>
        <source>Fetch %1</source>
        <translation>下载 %1</translation>
    </message>
    <message>
        <source>This is the newest version.</source>
        <translation>这是最新版本。</translation>
    </message>
    <message numerus="yes">
        <source>There is version %1. %n files differ; the others stay as they are, and what is replaced is kept as an older version.</source>
        <translation>
            <numerusform>有新版本 %1。%n 个文件不同；其余保持不变，被替换的会作为旧版本保留。</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::WaterfallView</name>
    <message>
        <source>Queue</source>
        <translation>排队</translation>
    </message>
    <message>
        <source>%1 computed</source>
        <translation>计算 %1</translation>
    </message>
    <message>
        <source>, %1 cached</source>
        <translation>，缓存 %1</translation>
    </message>
    <message>
        <source>Prefill</source>
        <translation>预填充</translation>
    </message>
    <message>
        <source>Decode</source>
        <translation>解码</translation>
    </message>
    <message>
        <source>%1 tokens, %2</source>
        <translation>%1 词元，%2</translation>
    </message>
    <message>
        <source>Most of %1 was spent waiting for others.</source>
        <translation>%1 中大部分在等待其他请求。</translation>
    </message>
    <message>
        <source>Most of %1 went into reading the prompt.</source>
        <translation>%1 中大部分用于读取提示。</translation>
    </message>
    <message>
        <source>Most of %1 went into writing the answer.</source>
        <translation>%1 中大部分用于生成回答。</translation>
    </message>
    <message>
        <source>Where the time went</source>
        <translation>时间去向</translation>
    </message>
    <message>
        <source>Request %1</source>
        <translation>请求 %1</translation>
    </message>
    <message>
        <source>Choose a request to see its parts.</source>
        <translation>选择一个请求查看各部分用时。</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1：%2</translation>
    </message>
</context>
<context>
    <name>ui::WelcomeView</name>
    <message>
        <source>Add a real model…</source>
        <translation>添加真正的模型…</translation>
    </message>
    <message>
        <source>Welcome to Inglenook</source>
        <translation>欢迎使用 Inglenook</translation>
    </message>
    <message>
        <source>Hello, I am Ember</source>
        <translation>你好，我是 Ember</translation>
    </message>
    <message>
        <source>A small guide to Inglenook that is built in. Ask me how things work here, or add a real model for everything else.</source>
        <translation>我是 Inglenook 内置的小向导。可以问我这里怎么用；其他问题请添加真正的模型。</translation>
    </message>
    <message>
        <source>What is on your mind?</source>
        <translation>在想些什么？</translation>
    </message>
    <message>
        <source>%1 is ready. Everything stays on this computer.</source>
        <translation>%1 已就绪。所有内容都只保存在这台电脑上。</translation>
    </message>
    <message>
        <source>Add a model…</source>
        <translation>添加模型…</translation>
    </message>
    <message>
        <source>Choose a model, or add one. Everything stays on this computer.</source>
        <translation>请选择或添加一个模型。所有内容都只保存在这台电脑上。</translation>
    </message>
</context>
</TS>
