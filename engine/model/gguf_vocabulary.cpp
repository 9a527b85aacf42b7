#include "engine/model/gguf_vocabulary.h"

#include "engine/phrase.h"

#include <algorithm>
#include <array>

namespace engine {

namespace {

constexpr std::uint64_t kMostTokens = 1ULL << 20;

/// Tokens that end an answer in the families we know, found by their spelling: older files name
/// only one of them in eos_token_id.
constexpr std::array<std::string_view, 9> kEndTexts = {
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|eot|>",
    "</s>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"};

/// Pre-tokenizers of Llama 3: a piece that is a token is taken whole, and a text begins with bos.
constexpr std::array<std::string_view, 4> kLlama3Pre = {"llama-bpe", "llama3", "llama-v3",
                                                        "llama-3"};

Status invalid(const GgufHeader& header, std::string field, std::string problem) {
    return Status(Code::VocabularyInvalid, {{"file", header.file->name()},
                                            {"field", std::move(field)},
                                            {"problem", std::move(problem)}});
}

Status readTokens(const GgufHeader& header, Vocabulary& vocabulary) {
    const auto array = header.arrayValue("tokenizer.ggml.tokens", GgufType::String);
    if (!array)
        return array.status();
    if (*array == nullptr)
        return invalid(header, "tokenizer.ggml.tokens", PHRASE("Status", "is missing"));
    if ((*array)->count == 0 || (*array)->count > kMostTokens)
        return invalid(header, "tokenizer.ggml.tokens",
                       "holds " + std::to_string((*array)->count) + " tokens");
    vocabulary.tokens.reserve((*array)->count);
    return header.readStrings(**array, [&](std::string_view text) {
        VocabularyToken token;
        token.text = text;
        vocabulary.tokens.push_back(std::move(token));
        return Status();
    });
}

Status readScores(const GgufHeader& header, Vocabulary& vocabulary) {
    const auto array = header.arrayValue("tokenizer.ggml.scores", GgufType::F32);
    if (!array)
        return array.status();
    if (*array == nullptr)
        return vocabulary.kind == TokenizerKind::SentencePiece
                   ? invalid(header, "tokenizer.ggml.scores", PHRASE("Status", "is missing"))
                   : Status();
    if ((*array)->count != vocabulary.tokens.size())
        return invalid(header, "tokenizer.ggml.scores",
                       PHRASE("Status", "has another length than the tokens"));
    const auto scores = header.readFloats(**array);
    if (!scores)
        return scores.status();
    for (std::size_t i = 0; i < scores->size(); ++i)
        vocabulary.tokens[i].score = (*scores)[i] == (*scores)[i] ? (*scores)[i] : 0.0F; // no NaN
    return {};
}

Status readAttributes(const GgufHeader& header, Vocabulary& vocabulary) {
    const auto array = header.arrayValue("tokenizer.ggml.token_type", GgufType::I32);
    if (!array)
        return array.status();
    if (*array == nullptr)
        return {};
    if ((*array)->count != vocabulary.tokens.size())
        return invalid(header, "tokenizer.ggml.token_type",
                       PHRASE("Status", "has another length than the tokens"));
    const auto types = header.readInts(**array);
    if (!types)
        return types.status();
    static constexpr std::array<TokenAttribute, 7> kAttributes = {
        TokenAttribute::Normal, // 0: undefined
        TokenAttribute::Normal,      TokenAttribute::Unknown, TokenAttribute::Control,
        TokenAttribute::UserDefined, TokenAttribute::Unused,  TokenAttribute::Byte};
    for (std::size_t i = 0; i < types->size(); ++i) {
        const std::int32_t type = (*types)[i];
        if (type < 0 || type >= static_cast<std::int32_t>(kAttributes.size()))
            return invalid(header, "tokenizer.ggml.token_type",
                           "gives token " + std::to_string(i) + " the type " +
                               std::to_string(type));
        vocabulary.tokens[i].attribute = kAttributes[static_cast<std::size_t>(type)];
    }
    return {};
}

Status readMerges(const GgufHeader& header, Vocabulary& vocabulary) {
    const auto array = header.arrayValue("tokenizer.ggml.merges", GgufType::String);
    if (!array)
        return array.status();
    if (*array == nullptr)
        return vocabulary.kind == TokenizerKind::ByteLevelBpe
                   ? invalid(header, "tokenizer.ggml.merges", PHRASE("Status", "is missing"))
                   : Status();
    if ((*array)->count > kMostTokens)
        return invalid(header, "tokenizer.ggml.merges",
                       "holds " + std::to_string((*array)->count) + " merges");
    vocabulary.merges.reserve((*array)->count);
    return header.readStrings(**array, [&](std::string_view text) {
        vocabulary.merges.emplace_back(text);
        return Status();
    });
}

Status readId(const GgufHeader& header, std::string_view name, const Vocabulary& vocabulary,
              TokenId& id) {
    const std::string key = "tokenizer.ggml." + std::string(name) + "_token_id";
    const auto value = header.unsignedValue(key);
    if (!value)
        return value.status();
    if (!*value || **value == 0xFFFFFFFFU) // all ones: some converters' way to say "none"
        return {};
    if (**value >= vocabulary.tokens.size())
        return invalid(header, key, "is " + std::to_string(**value) + ", outside the vocabulary");
    id = static_cast<TokenId>(**value);
    return {};
}

Status readFlag(const GgufHeader& header, std::string_view name, bool& flag) {
    const auto value = header.boolValue("tokenizer.ggml." + std::string(name));
    if (!value)
        return value.status();
    flag = value->value_or(flag);
    return {};
}

void addEnd(Vocabulary& vocabulary, TokenId id) {
    auto& ends = vocabulary.endOfGeneration;
    if (id != kNoToken && std::find(ends.begin(), ends.end(), id) == ends.end())
        ends.push_back(id);
}

Status readSpecial(const GgufHeader& header, Vocabulary& vocabulary) {
    TokenId endOfTurn = kNoToken;
    TokenId endOfMessage = kNoToken;
    INGLENOOK_TRY(readId(header, "bos", vocabulary, vocabulary.bos));
    INGLENOOK_TRY(readId(header, "eos", vocabulary, vocabulary.eos));
    INGLENOOK_TRY(readId(header, "unknown", vocabulary, vocabulary.unknown));
    INGLENOOK_TRY(readId(header, "padding", vocabulary, vocabulary.padding));
    INGLENOOK_TRY(readId(header, "eot", vocabulary, endOfTurn));
    INGLENOOK_TRY(readId(header, "eom", vocabulary, endOfMessage));
    addEnd(vocabulary, vocabulary.eos);
    addEnd(vocabulary, endOfTurn);
    addEnd(vocabulary, endOfMessage);
    for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
        VocabularyToken& token = vocabulary.tokens[i];
        const bool special = token.attribute == TokenAttribute::Control ||
                             token.attribute == TokenAttribute::UserDefined;
        if (special &&
            std::find(kEndTexts.begin(), kEndTexts.end(), token.text) != kEndTexts.end()) {
            token.attribute = TokenAttribute::Control; // some files call <|im_end|> user-defined
            addEnd(vocabulary, static_cast<TokenId>(i));
        }
    }
    return {};
}

} // namespace

Result<Vocabulary> vocabularyFromGguf(const GgufHeader& header) {
    Vocabulary vocabulary;
    const auto model = header.stringValue("tokenizer.ggml.model");
    if (!model)
        return model.status();
    const std::string kind = model->value_or("none");
    if (kind == "none" || kind == "no_vocab")
        return vocabulary;
    if (kind != "gpt2" && kind != "llama")
        return Status(Code::ModelUnsupported,
                      {{"file", header.file->name()},
                       {"field", "tokenizer.ggml.model"},
                       {"value", kind.substr(0, 64)},
                       {"supported",
                        PHRASE("Status", "byte-level BPE (gpt2) and SentencePiece (llama) work")}});
    const bool pieces = kind == "llama";
    vocabulary.kind = pieces ? TokenizerKind::SentencePiece : TokenizerKind::ByteLevelBpe;
    const auto pre = header.stringValue("tokenizer.ggml.pre");
    if (!pre)
        return pre.status();
    vocabulary.preTokenizer = pre->value_or("default");
    const bool llama3 = std::find(kLlama3Pre.begin(), kLlama3Pre.end(), vocabulary.preTokenizer) !=
                        kLlama3Pre.end();
    vocabulary.ignoreMerges = !pieces && llama3;
    vocabulary.addBos = pieces || llama3; // what files without the key mean
    vocabulary.addSpacePrefix = pieces;
    INGLENOOK_TRY(readTokens(header, vocabulary));
    INGLENOOK_TRY(readScores(header, vocabulary));
    INGLENOOK_TRY(readAttributes(header, vocabulary));
    INGLENOOK_TRY(readMerges(header, vocabulary));
    INGLENOOK_TRY(readSpecial(header, vocabulary));
    INGLENOOK_TRY(readFlag(header, "add_bos_token", vocabulary.addBos));
    INGLENOOK_TRY(readFlag(header, "add_eos_token", vocabulary.addEos));
    INGLENOOK_TRY(readFlag(header, "add_space_prefix", vocabulary.addSpacePrefix));
    INGLENOOK_TRY(readFlag(header, "remove_extra_whitespaces", vocabulary.removeExtraWhitespace));
    return vocabulary;
}

} // namespace engine
