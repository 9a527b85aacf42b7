#include "engine/model/hf_vocabulary.h"

#include "engine/model/file_reader.h"
#include "engine/model/json_file.h"
#include "engine/phrase.h"
#include "engine/text/tokenizer_json.h"

#include <algorithm>

namespace engine {

namespace {

constexpr std::uint64_t kLargestTokenizer = 64ULL << 20;
constexpr std::uint64_t kLargestConfig = 8ULL << 20;

/// "" for a file that does not exist.
Result<std::string> readIfThere(const std::filesystem::path& path, std::uint64_t maxBytes) {
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        return std::string();
    return readTextFile(path, maxBytes);
}

/// generation_config.json's eos_token_id, a number or a list: all of them end an answer.
Status addPublishedEnds(std::string_view generationJson, const std::string& file,
                        Vocabulary& vocabulary) {
    if (generationJson.empty())
        return {};
    const auto document = parseJson(generationJson, file);
    if (!document)
        return document.status();
    const JsonReader json(*document, file);
    const nlohmann::json* ends = json.member("eos_token_id");
    if (ends == nullptr)
        return {};
    const auto add = [&](const nlohmann::json& id) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= vocabulary.tokens.size())
            return Status(Code::VocabularyInvalid,
                          {{"file", file},
                           {"field", "eos_token_id"},
                           {"problem", PHRASE("Status", "is no id of the vocabulary")}});
        const auto token = static_cast<TokenId>(id.get<std::uint64_t>());
        auto& all = vocabulary.endOfGeneration;
        if (std::find(all.begin(), all.end(), token) == all.end())
            all.push_back(token);
        return Status();
    };
    if (!ends->is_array())
        return add(*ends);
    for (const nlohmann::json& id : *ends)
        INGLENOOK_TRY(add(id));
    return {};
}

} // namespace

Result<Vocabulary> vocabularyFromFolder(const std::filesystem::path& folder) {
    const auto config = readIfThere(folder / "tokenizer_config.json", kLargestConfig);
    if (!config)
        return config.status();
    const std::filesystem::path generationPath = folder / "generation_config.json";
    const auto generation = readIfThere(generationPath, kLargestConfig);
    if (!generation)
        return generation.status();
    const auto tokenizer = readIfThere(folder / "tokenizer.json", kLargestTokenizer);
    if (!tokenizer)
        return tokenizer.status();
    if (!tokenizer->empty())
        return vocabularyFromTokenizerJson(*tokenizer, *config, *generation);
    const auto vocab = readIfThere(folder / "vocab.json", kLargestTokenizer);
    if (!vocab)
        return vocab.status();
    const auto merges = readIfThere(folder / "merges.txt", kLargestTokenizer);
    if (!merges)
        return merges.status();
    if (vocab->empty() || merges->empty())
        return Vocabulary();
    auto vocabulary = vocabularyFromBpeFiles(*vocab, *merges, *config);
    if (vocabulary)
        INGLENOOK_TRY(addPublishedEnds(*generation, generationPath.string(), *vocabulary));
    return vocabulary;
}

} // namespace engine
