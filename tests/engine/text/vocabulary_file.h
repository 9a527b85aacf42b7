#pragma once
// The vocabulary of a GGUF file, for tests of the tokenizer alone: trusts the file.

#include "engine/text/vocabulary.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace tests {

class GgufVocabulary {
  public:
    static engine::Vocabulary read(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        GgufVocabulary reader;
        reader.m_data.assign(std::istreambuf_iterator<char>(file), {});
        reader.m_at = 16;
        const auto keys = reader.number<std::uint64_t>();
        for (std::uint64_t i = 0; i < keys; ++i)
            reader.key(reader.string());
        reader.m_vocabulary.addSpacePrefix =
            reader.m_vocabulary.kind == engine::TokenizerKind::SentencePiece;
        return reader.m_vocabulary;
    }

  private:
    template<typename T>
    T number() {
        T value{};
        std::memcpy(&value, m_data.data() + m_at, sizeof value);
        m_at += sizeof value;
        return value;
    }
    std::string string() {
        const auto size = number<std::uint64_t>();
        m_at += size;
        return m_data.substr(m_at - size, size);
    }
    void skip(std::uint32_t type) {
        constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        if (type == 8)
            string();
        else if (type == 9)
            array([this](std::uint32_t element, std::size_t) { skip(element); });
        else
            m_at += sizes[type];
    }
    template<typename Element>
    void array(const Element& element) {
        const auto type = number<std::uint32_t>();
        const auto count = number<std::uint64_t>();
        for (std::size_t i = 0; i < count; ++i)
            element(type, i);
    }
    void key(const std::string& name) {
        using engine::TokenAttribute;
        constexpr TokenAttribute attributes[] = {
            TokenAttribute::Normal,  TokenAttribute::Normal,      TokenAttribute::Unknown,
            TokenAttribute::Control, TokenAttribute::UserDefined, TokenAttribute::Unused,
            TokenAttribute::Byte};
        const auto type = number<std::uint32_t>();
        auto& tokens = m_vocabulary.tokens;
        const auto token = [&](std::size_t i) -> engine::VocabularyToken& {
            tokens.resize(std::max(tokens.size(), i + 1));
            return tokens[i];
        };
        if (name == "tokenizer.ggml.model")
            m_vocabulary.kind = string() == "llama" ? engine::TokenizerKind::SentencePiece
                                                    : engine::TokenizerKind::ByteLevelBpe;
        else if (name == "tokenizer.ggml.pre")
            m_vocabulary.preTokenizer = string();
        else if (name == "tokenizer.ggml.tokens")
            array([&](std::uint32_t, std::size_t i) { token(i).text = string(); });
        else if (name == "tokenizer.ggml.scores")
            array([&](std::uint32_t, std::size_t i) { token(i).score = number<float>(); });
        else if (name == "tokenizer.ggml.token_type")
            array([&](std::uint32_t, std::size_t i) {
                token(i).attribute = attributes[number<std::uint32_t>()];
            });
        else if (name == "tokenizer.ggml.merges")
            array([&](std::uint32_t, std::size_t) { m_vocabulary.merges.push_back(string()); });
        else if (name == "tokenizer.ggml.bos_token_id")
            m_vocabulary.bos = static_cast<engine::TokenId>(number<std::uint32_t>());
        else if (name == "tokenizer.ggml.eos_token_id")
            m_vocabulary.eos = static_cast<engine::TokenId>(number<std::uint32_t>());
        else if (name == "tokenizer.ggml.unknown_token_id")
            m_vocabulary.unknown = static_cast<engine::TokenId>(number<std::uint32_t>());
        else if (name == "tokenizer.ggml.add_bos_token")
            m_vocabulary.addBos = number<std::uint8_t>() != 0;
        else
            skip(type);
    }

    std::string m_data;
    std::size_t m_at = 0;
    engine::Vocabulary m_vocabulary;
};

} // namespace tests
