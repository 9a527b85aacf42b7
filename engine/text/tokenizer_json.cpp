#include "engine/text/tokenizer_json.h"

#include "engine/text/tokenizer_json_document.h"
#include "engine/text/tokenizer_json_pipeline.h"
#include "engine/text/tokenizer_tables.h"

#include <algorithm>
#include <new>
#include <optional>

namespace engine {

namespace {

using nlohmann::json;
constexpr std::string_view kTokenizerFile = "tokenizer.json";
constexpr std::string_view kConfigFile = "tokenizer_config.json";
constexpr std::string_view kGenerationFile = "generation_config.json";

Status unsupported(std::string part) {
    return Status(Code::TokenizerUnsupported, {{"part", std::move(part)}});
}

/// A configuration, or an empty object when the file does not exist.
Result<json> readConfig(std::string_view text, std::string_view file) {
    if (text.empty())
        return json::object();
    auto document = readTokenizerJson(text, file, JsonShape::Small);
    INGLENOOK_TRY(document.status());
    return std::move(document->rest);
}

/// Fills `out` when the member is there; false when it has another type than T.
template<typename T>
bool take(const json& object, const char* name, std::optional<T>& out) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null())
        return true;
    if constexpr (std::is_same_v<T, bool>) {
        if (!found->is_boolean())
            return false;
        out = found->get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!found->is_string())
            return false;
        out = found->get<std::string>();
    } else {
        if (!found->is_number_unsigned())
            return false;
        out = found->get<std::uint64_t>();
    }
    return true;
}

/// "bos_token": "<s>" or {"content": "<s>", ...}.
bool takeToken(const json& config, const char* name, std::optional<std::string>& out) {
    const auto found = config.find(name);
    if (found != config.end() && found->is_object())
        return take(*found, "content", out);
    return take(config, name, out);
}

std::size_t sizeOf(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_structured() ? found->size() : 0;
}

/// Puts the tokens of the files into one dense list.
class TokenList {
  public:
    /// `most`: how many tokens the files name; a higher id would leave a hole.
    TokenList(Vocabulary& vocabulary, std::size_t most)
        : m_tokens(vocabulary.tokens), m_most(std::min(most, kMaxTokens)) {}

    Status addEntries(std::vector<TokenizerJsonDocument::Entry>& entries, std::string_view file) {
        for (TokenizerJsonDocument::Entry& entry : entries) {
            INGLENOOK_TRY(reserve(entry.id, file));
            if (m_known[entry.id])
                return invalidJson(file, "model.vocab",
                                   "uses id " + std::to_string(entry.id) + " twice");
            m_known[entry.id] = true;
            m_tokens[entry.id].text = std::move(entry.text);
        }
        return {};
    }

    Status addAdded(const json& token, std::uint64_t id, std::string_view file) {
        std::optional<std::string> content;
        std::optional<bool> special, lstrip, rstrip, singleWord;
        const bool typed = token.is_object() && take(token, "content", content) &&
                           take(token, "special", special) && take(token, "lstrip", lstrip) &&
                           take(token, "rstrip", rstrip) && take(token, "single_word", singleWord);
        const std::string name = "the added token " + std::to_string(id);
        if (!typed || !content)
            return invalidJson(file, name, "has a member of the wrong type");
        if (singleWord.value_or(false))
            return unsupported(name + " matched as a single word");
        INGLENOOK_TRY(reserve(id, file));
        VocabularyToken& entry = m_tokens[id];
        if (m_known[id] && entry.text != *content)
            return invalidJson(file, name, "is spelled differently in model.vocab");
        m_known[id] = true;
        entry.text = *content;
        entry.attribute =
            special.value_or(false) ? TokenAttribute::Control : TokenAttribute::UserDefined;
        entry.lstrip = lstrip.value_or(false);
        entry.rstrip = rstrip.value_or(false);
        return {};
    }

    bool isKnown(std::uint64_t id) const { return id < m_known.size() && m_known[id]; }

    /// After all were added: no hole, and an index from spelling to id.
    Status finish(std::string_view file, TextIndex& index) const {
        for (std::size_t id = 0; id < m_tokens.size(); ++id) {
            if (!m_known[id])
                return invalidJson(file, "model.vocab",
                                   "has no token with id " + std::to_string(id));
            index.emplace(m_tokens[id].text, static_cast<TokenId>(id));
        }
        return {};
    }

  private:
    Status reserve(std::uint64_t id, std::string_view file) {
        if (id >= m_most)
            return invalidJson(file, "model.vocab",
                               "uses id " + std::to_string(id) + ", but the files name " +
                                   std::to_string(m_most) + " tokens");
        if (id >= m_tokens.size()) {
            m_tokens.resize(id + 1);
            m_known.resize(id + 1, false);
        }
        return {};
    }

    std::vector<VocabularyToken>& m_tokens;
    std::size_t m_most = 0;
    std::vector<bool> m_known;
};

/// added_tokens of tokenizer.json: a list of objects with an id each.
Status addAddedTokens(const json& document, TokenList& tokens) {
    const auto found = document.find("added_tokens");
    if (found == document.end() || found->is_null())
        return {};
    if (!found->is_array())
        return invalidJson(kTokenizerFile, "added_tokens", "is not a list");
    for (const json& token : *found) {
        std::optional<std::uint64_t> id;
        if (!token.is_object() || !take(token, "id", id) || !id)
            return invalidJson(kTokenizerFile, "added_tokens", "holds an entry without id");
        INGLENOOK_TRY(tokens.addAdded(token, *id, kTokenizerFile));
    }
    return {};
}

/// added_tokens_decoder of the configuration: {"151643": {...}}; adds what is not known yet.
Status addDecoderTokens(const json& config, TokenList& tokens, bool override) {
    const auto found = config.find("added_tokens_decoder");
    if (found == config.end() || found->is_null())
        return {};
    if (!found->is_object())
        return invalidJson(kConfigFile, "added_tokens_decoder", "is not an object");
    for (const auto& [key, token] : found->items()) {
        const bool number =
            !key.empty() && key.size() < 10 &&
            std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!number)
            return invalidJson(kConfigFile, "added_tokens_decoder", "has a key that is no id");
        std::uint64_t id = 0;
        for (const char digit : key)
            id = id * 10 + static_cast<std::uint64_t>(digit - '0');
        if (override || !tokens.isKnown(id))
            INGLENOOK_TRY(tokens.addAdded(token, id, kConfigFile));
    }
    return {};
}

/// bos, eos, padding, and whether bos is added.
Status readConfigTokens(const json& config, const TokenizerPipeline& pipeline,
                        const TextIndex& index, Vocabulary& vocabulary) {
    std::optional<std::string> bos, eos, padding;
    std::optional<bool> addBos, addEos;
    if (!takeToken(config, "bos_token", bos) || !takeToken(config, "eos_token", eos) ||
        !takeToken(config, "pad_token", padding) || !take(config, "add_bos_token", addBos) ||
        !take(config, "add_eos_token", addEos))
        return invalidJson(kConfigFile, "a special token", "has the wrong type");
    const auto idOf = [&](const std::string& text) {
        const auto found = index.find(text);
        return found != index.end() ? found->second : kNoToken;
    };
    if (!bos && !pipeline.bos.empty())
        bos = pipeline.bos;
    vocabulary.bos = idOf(bos.value_or(""));
    vocabulary.eos = idOf(eos.value_or(""));
    vocabulary.padding = idOf(padding.value_or(""));
    vocabulary.addBos = addBos.value_or(!pipeline.bos.empty());
    vocabulary.addEos = addEos.value_or(!pipeline.eos.empty());
    if (vocabulary.addBos && vocabulary.bos == kNoToken)
        return invalidJson(kConfigFile, "bos_token", "is to be added, but is no token");
    if (eos && !eos->empty() && vocabulary.eos == kNoToken)
        return invalidJson(kConfigFile, "eos_token", "(" + eos->substr(0, 40) + ") is no token");
    return {};
}

Status readGenerationEnds(const json& generation, Vocabulary& vocabulary) {
    const auto found = generation.find("eos_token_id");
    std::vector<json> ids;
    if (found != generation.end() && !found->is_null())
        ids = found->is_array() ? found->get<std::vector<json>>() : std::vector<json>{*found};
    for (const json& id : ids) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= vocabulary.tokens.size())
            return invalidJson(kGenerationFile, "eos_token_id", "is none of the token ids");
        vocabulary.endOfGeneration.push_back(static_cast<TokenId>(id.get<std::uint64_t>()));
    }
    if (vocabulary.eos != kNoToken)
        vocabulary.endOfGeneration.push_back(vocabulary.eos);
    std::sort(vocabulary.endOfGeneration.begin(), vocabulary.endOfGeneration.end());
    vocabulary.endOfGeneration.erase(
        std::unique(vocabulary.endOfGeneration.begin(), vocabulary.endOfGeneration.end()),
        vocabulary.endOfGeneration.end());
    return {};
}

/// A token that several merges make has the score of the first one. Tokens no merge makes come
/// last.
void scoreByMerges(const TextIndex& index, Vocabulary& vocabulary) {
    const auto count = static_cast<float>(vocabulary.merges.size());
    for (VocabularyToken& token : vocabulary.tokens)
        token.score = -count;
    std::string joined;
    for (std::size_t i = vocabulary.merges.size(); i-- > 0;) {
        joined = vocabulary.merges[i];
        const std::size_t space = joined.find(' ');
        if (space == std::string::npos)
            continue; // named when the tokenizer is built
        joined.erase(space, 1);
        if (const auto found = index.find(joined); found != index.end())
            vocabulary.tokens[static_cast<std::size_t>(found->second)].score =
                -static_cast<float>(i);
    }
}

/// What makes a byte-fallback BPE a SentencePiece vocabulary here.
void markBytesAndUnknown(bool byteFallback, const TextIndex& index, Vocabulary& vocabulary) {
    if (vocabulary.unknown != kNoToken)
        vocabulary.tokens[static_cast<std::size_t>(vocabulary.unknown)].attribute =
            TokenAttribute::Unknown;
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (unsigned byte = 0; byteFallback && byte < 256; ++byte) {
        const std::string text{'<', '0', 'x', digits[byte / 16], digits[byte % 16], '>'};
        if (const auto found = index.find(text); found != index.end())
            vocabulary.tokens[static_cast<std::size_t>(found->second)].attribute =
                TokenAttribute::Byte;
    }
    scoreByMerges(index, vocabulary);
}

/// Options of the BPE model.
struct ModelOptions {
    bool byteFallback = false;
    bool ignoreMerges = false;
    std::string unknown;
};

Status readModel(const TokenizerJsonDocument& document, ModelOptions& options) {
    const auto found = document.rest.find("model");
    if (found == document.rest.end() || !found->is_object())
        return invalidJson(kTokenizerFile, "model", "is not an object");
    std::optional<std::string> type, unknown, prefix, suffix;
    std::optional<bool> byteFallback, ignoreMerges;
    if (!take(*found, "type", type) || !take(*found, "unk_token", unknown) ||
        !take(*found, "continuing_subword_prefix", prefix) ||
        !take(*found, "end_of_word_suffix", suffix) ||
        !take(*found, "byte_fallback", byteFallback) ||
        !take(*found, "ignore_merges", ignoreMerges))
        return invalidJson(kTokenizerFile, "model", "has a member of the wrong type");
    if (type.value_or("BPE") != "BPE" || document.vocabIsList)
        return unsupported("the model type " + type.value_or("Unigram"));
    if (!prefix.value_or("").empty() || !suffix.value_or("").empty())
        return unsupported(
            "marks at the borders of words (continuing_subword_prefix, end_of_word_suffix)");
    if (const auto dropout = found->find("dropout");
        dropout != found->end() && !dropout->is_null() && *dropout != 0)
        return unsupported("model.dropout");
    options = {byteFallback.value_or(false), ignoreMerges.value_or(false), unknown.value_or("")};
    return {};
}

Result<Vocabulary> fromTokenizerJson(std::string_view tokenizerJson, std::string_view configJson,
                                     std::string_view generationJson) {
    auto document = readTokenizerJson(tokenizerJson, kTokenizerFile, JsonShape::TokenizerJson);
    INGLENOOK_TRY(document.status());
    const auto config = readConfig(configJson, kConfigFile);
    INGLENOOK_TRY(config.status());
    const auto generation = readConfig(generationJson, kGenerationFile);
    INGLENOOK_TRY(generation.status());

    Vocabulary vocabulary;
    ModelOptions options;
    TokenizerPipeline pipeline;
    INGLENOOK_TRY(readModel(*document, options));
    INGLENOOK_TRY(readPipeline(document->rest, vocabulary, pipeline));
    if (!pipeline.byteLevel && !pipeline.spaceSymbols)
        return unsupported("a BPE of plain characters (neither ByteLevel nor U+2581 for spaces)");
    vocabulary.kind =
        pipeline.byteLevel ? TokenizerKind::ByteLevelBpe : TokenizerKind::SentencePiece;
    vocabulary.ignoreMerges = options.ignoreMerges;
    vocabulary.merges = std::move(document->merges);

    TokenList tokens(vocabulary, document->vocab.size() + sizeOf(document->rest, "added_tokens") +
                                     sizeOf(*config, "added_tokens_decoder"));
    TextIndex index;
    INGLENOOK_TRY(tokens.addEntries(document->vocab, kTokenizerFile));
    INGLENOOK_TRY(addAddedTokens(document->rest, tokens));
    INGLENOOK_TRY(addDecoderTokens(*config, tokens, false));
    INGLENOOK_TRY(tokens.finish(kTokenizerFile, index));
    if (const auto unknown = index.find(options.unknown); unknown != index.end())
        vocabulary.unknown = unknown->second;
    if (!pipeline.byteLevel)
        markBytesAndUnknown(options.byteFallback, index, vocabulary);
    INGLENOOK_TRY(readConfigTokens(*config, pipeline, index, vocabulary));
    INGLENOOK_TRY(readGenerationEnds(*generation, vocabulary));
    return vocabulary;
}

Result<Vocabulary> fromBpeFiles(std::string_view vocabJson, std::string_view mergesTxt,
                                std::string_view configJson) {
    auto document = readTokenizerJson(vocabJson, "vocab.json", JsonShape::VocabJson);
    INGLENOOK_TRY(document.status());
    const auto config = readConfig(configJson, kConfigFile);
    INGLENOOK_TRY(config.status());
    std::optional<std::string> type;
    if (!take(*config, "tokenizer_class", type))
        return invalidJson(kConfigFile, "tokenizer_class", "is not a string");

    Vocabulary vocabulary;
    vocabulary.kind = TokenizerKind::ByteLevelBpe;
    const std::string name = type.value_or("GPT2Tokenizer");
    if (name.starts_with("Qwen2Tokenizer")) {
        vocabulary.preTokenizer = "qwen2";
        vocabulary.normalizeNfc = true;
    } else if (name.starts_with("GPT2Tokenizer")) {
        vocabulary.preTokenizer = "gpt-2";
    } else {
        return unsupported("the tokenizer class " + name.substr(0, 80) + " without tokenizer.json");
    }
    for (std::size_t at = 0; at < mergesTxt.size();) {
        const std::size_t end = std::min(mergesTxt.find('\n', at), mergesTxt.size());
        std::string_view line = mergesTxt.substr(at, end - at);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (!line.empty() && !(at == 0 && line.starts_with("#version")))
            vocabulary.merges.emplace_back(line);
        at = end + 1;
    }
    TokenList tokens(vocabulary, document->vocab.size() + sizeOf(*config, "added_tokens_decoder"));
    TextIndex index;
    INGLENOOK_TRY(tokens.addEntries(document->vocab, "vocab.json"));
    INGLENOOK_TRY(addDecoderTokens(*config, tokens, true));
    INGLENOOK_TRY(tokens.finish("vocab.json", index));
    INGLENOOK_TRY(readConfigTokens(*config, {}, index, vocabulary));
    INGLENOOK_TRY(readGenerationEnds(json::object(), vocabulary));
    return vocabulary;
}

Status outOfMemory() {
    return Status(Code::OutOfMemory, {{"need", "the tokenizer's tables"}, {"free", "less"}});
}

} // namespace

Result<Vocabulary> vocabularyFromTokenizerJson(std::string_view tokenizerJson,
                                               std::string_view tokenizerConfigJson,
                                               std::string_view generationConfigJson) {
    try {
        return fromTokenizerJson(tokenizerJson, tokenizerConfigJson, generationConfigJson);
    } catch (const std::bad_alloc&) {
        return outOfMemory();
    }
}

Result<Vocabulary> vocabularyFromBpeFiles(std::string_view vocabJson, std::string_view mergesTxt,
                                          std::string_view tokenizerConfigJson) {
    try {
        return fromBpeFiles(vocabJson, mergesTxt, tokenizerConfigJson);
    } catch (const std::bad_alloc&) {
        return outOfMemory();
    }
}

} // namespace engine
