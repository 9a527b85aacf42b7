#pragma once
// Small valid model files built in code, with every part open to being spoilt: the readers' tests
// and the fuzz seeds start from them.

#include "engine/model/gguf_parser.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace tests {

/// A GGUF file as its parts. Entries and tensors are raw, so that a test can write what no writer
/// would.
struct GgufImage {
    struct Entry {
        std::string key;
        std::uint32_t type = 0;
        std::string value; // raw bytes after the type
    };
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> dimensions; // innermost first
        std::uint32_t type = 0;                // ggml's number
        std::uint64_t offset = 0;
        std::string data;
    };

    std::string magic = "GGUF";
    std::uint32_t version = 3;
    std::int64_t tensorCountError = 0; // added to the true counts
    std::int64_t entryCountError = 0;
    std::vector<Entry> entries;
    std::vector<Tensor> tensors;
    std::string trailing;

    Entry* find(const std::string& key) {
        for (Entry& entry : entries)
            if (entry.key == key)
                return &entry;
        return nullptr;
    }
    void remove(const std::string& key) {
        std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
    }
    Tensor* tensor(const std::string& name) {
        for (Tensor& each : tensors)
            if (each.name == name)
                return &each;
        return nullptr;
    }
    std::string bytes() const;
    /// Places all tensors one after the other.
    void layOut();
};

template<typename T>
std::string raw(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
inline std::string rawString(const std::string& text) {
    return raw(std::uint64_t{text.size()}) + text;
}
std::string rawStrings(const std::vector<std::string>& texts); // array payload
std::string rawFloats(const std::vector<float>& values);       // array payload
std::string rawInts(const std::vector<std::int32_t>& values);  // array payload

/// A llama of one layer: hidden 32, two heads of 16, one key/value head, vocabulary 8
/// (SentencePiece).
GgufImage tinyLlama();

/// A safetensors file from header text and data.
std::string safetensorsBytes(const std::string& header, const std::string& data);
/// Header and data of the tiny qwen2 whose config.json tinyConfig() is.
std::string tinySafetensors();
std::string tinyConfig();

/// JSON with ' for ": moc does not read raw string literals.
std::string quoted(std::string text);

void writeFile(const std::string& path, const std::string& bytes);

} // namespace tests
