#include "tests/engine/model/model_files.h"

#include <algorithm>
#include <fstream>

namespace tests {

namespace {

constexpr std::uint64_t kAlignment = 32;

void pad(std::string& bytes) {
    bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment, '\0');
}

/// `count` floats around zero, all different.
std::string someFloats(std::uint64_t count) {
    std::string bytes;
    for (std::uint64_t i = 0; i < count; ++i)
        bytes += raw(static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 64.0F);
    return bytes;
}

} // namespace

std::string rawStrings(const std::vector<std::string>& texts) {
    std::string bytes = raw(std::uint32_t{8}) + raw(std::uint64_t{texts.size()});
    for (const std::string& text : texts)
        bytes += rawString(text);
    return bytes;
}

std::string rawFloats(const std::vector<float>& values) {
    std::string bytes = raw(std::uint32_t{6}) + raw(std::uint64_t{values.size()});
    for (const float value : values)
        bytes += raw(value);
    return bytes;
}

std::string rawInts(const std::vector<std::int32_t>& values) {
    std::string bytes = raw(std::uint32_t{5}) + raw(std::uint64_t{values.size()});
    for (const std::int32_t value : values)
        bytes += raw(value);
    return bytes;
}

void GgufImage::layOut() {
    std::uint64_t offset = 0;
    for (Tensor& each : tensors) {
        each.offset = offset;
        offset = (offset + each.data.size() + kAlignment - 1) / kAlignment * kAlignment;
    }
}

std::string GgufImage::bytes() const {
    std::string out = magic + raw(version);
    out += raw(static_cast<std::int64_t>(tensors.size()) + tensorCountError);
    out += raw(static_cast<std::int64_t>(entries.size()) + entryCountError);
    for (const Entry& entry : entries)
        out += rawString(entry.key) + raw(entry.type) + entry.value;
    for (const Tensor& each : tensors) {
        out += rawString(each.name) + raw(static_cast<std::uint32_t>(each.dimensions.size()));
        for (const std::uint64_t dimension : each.dimensions)
            out += raw(dimension);
        out += raw(each.type) + raw(each.offset);
    }
    pad(out);
    for (const Tensor& each : tensors) {
        out += each.data;
        pad(out);
    }
    return out + trailing;
}

GgufImage tinyLlama() {
    GgufImage image;
    const auto text = [&](const char* key, const std::string& value) {
        image.entries.push_back({key, 8, rawString(value)});
    };
    const auto number = [&](const char* key, std::uint32_t value) {
        image.entries.push_back({key, 4, raw(value)});
    };
    text("general.architecture", "llama");
    text("general.name", "tiny");
    number("llama.context_length", 64);
    number("llama.embedding_length", 32);
    number("llama.block_count", 1);
    number("llama.feed_forward_length", 32);
    number("llama.attention.head_count", 2);
    number("llama.attention.head_count_kv", 1);
    number("llama.rope.dimension_count", 16);
    image.entries.push_back({"llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5F)});
    text("tokenizer.ggml.model", "llama");
    image.entries.push_back({"tokenizer.ggml.tokens", 9,
                             rawStrings({"<unk>", "<s>", "</s>", "a", "b", "ab", "c", "d"})});
    image.entries.push_back({"tokenizer.ggml.scores", 9, rawFloats({0, 0, 0, -1, -2, -3, -4, -5})});
    image.entries.push_back({"tokenizer.ggml.token_type", 9, rawInts({2, 3, 3, 1, 1, 1, 1, 1})});
    number("tokenizer.ggml.bos_token_id", 1);
    number("tokenizer.ggml.eos_token_id", 2);
    image.entries.push_back({"tokenizer.ggml.add_bos_token", 7, raw(std::uint8_t{1})});

    const auto tensor = [&](const char* name, std::vector<std::uint64_t> dimensions) {
        std::uint64_t count = 1;
        for (const std::uint64_t dimension : dimensions)
            count *= dimension;
        image.tensors.push_back({name, std::move(dimensions), 0, 0, someFloats(count)});
    };
    tensor("token_embd.weight", {32, 8});
    tensor("output_norm.weight", {32});
    tensor("output.weight", {32, 8});
    tensor("blk.0.attn_norm.weight", {32});
    tensor("blk.0.attn_q.weight", {32, 32});
    tensor("blk.0.attn_k.weight", {32, 16});
    tensor("blk.0.attn_v.weight", {32, 16});
    tensor("blk.0.attn_output.weight", {32, 32});
    tensor("blk.0.ffn_norm.weight", {32});
    tensor("blk.0.ffn_gate.weight", {32, 32});
    tensor("blk.0.ffn_up.weight", {32, 32});
    tensor("blk.0.ffn_down.weight", {32, 32});
    // One quantized tensor: 32 rows of one Q8_0 block.
    GgufImage::Tensor* down = image.tensor("blk.0.ffn_down.weight");
    down->type = 8;
    down->data.clear();
    for (int row = 0; row < 32; ++row) {
        down->data += raw(std::uint16_t{0x2000}); // 2^-7
        for (int i = 0; i < 32; ++i)
            down->data += static_cast<char>(i * 8 - 127 + row);
    }
    image.layOut();
    return image;
}

std::string safetensorsBytes(const std::string& header, const std::string& data) {
    return raw(std::uint64_t{header.size()}) + header + data;
}

std::string tinyConfig() {
    return R"({"model_type": "qwen2", "vocab_size": 8, "hidden_size": 32, "num_hidden_layers": 1,
"num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 32,
"max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
"tie_word_embeddings": true, "hidden_act": "silu"})";
}

std::string tinySafetensors() {
    std::string header = R"({"__metadata__": {"format": "pt"})";
    std::string data;
    const auto tensor = [&](const std::string& name, const std::string& shape,
                            std::uint64_t count) {
        header += ", \"" + name + R"(": {"dtype": "F32", "shape": )" + shape +
                  R"(, "data_offsets": [)" + std::to_string(data.size()) + ", ";
        data += someFloats(count);
        header += std::to_string(data.size()) + "]}";
    };
    const std::string layer = "model.layers.0.";
    tensor("model.embed_tokens.weight", "[8, 32]", 256);
    tensor("model.norm.weight", "[32]", 32);
    tensor(layer + "input_layernorm.weight", "[32]", 32);
    tensor(layer + "post_attention_layernorm.weight", "[32]", 32);
    for (const char* part : {"q", "k", "v"}) {
        const bool query = *part == 'q';
        tensor(layer + "self_attn." + part + "_proj.weight", query ? "[32, 32]" : "[16, 32]",
               query ? 1024 : 512);
        tensor(layer + "self_attn." + part + "_proj.bias", query ? "[32]" : "[16]",
               query ? 32 : 16);
    }
    for (const char* part : {"self_attn.o", "mlp.gate", "mlp.up", "mlp.down"})
        tensor(layer + part + "_proj.weight", "[32, 32]", 1024);
    return safetensorsBytes(header + "}", data);
}

std::string quoted(std::string text) {
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

void writeFile(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace tests
