#include "engine/model/opened_model.h"

#include "engine/model/architecture.h"
#include "engine/model/file_reader.h"
#include "engine/model/gguf_config.h"
#include "engine/model/gguf_file.h"
#include "engine/model/gguf_vocabulary.h"
#include "engine/model/gpt2_tensors.h"
#include "engine/model/hf_config.h"
#include "engine/model/hf_vocabulary.h"
#include "engine/model/memory_plan.h"
#include "engine/model/safetensors_file.h"
#include "engine/phrase.h"

#include <new>

namespace engine {

namespace {

constexpr std::uint64_t kLargestConfig = 1ULL << 20;

/// Every id a tokenizer can give must have an embedding.
Status checkVocabulary(const OpenedModel& model, bool exact) {
    const std::size_t tokens = model.vocabulary.tokens.size();
    const std::size_t rows = model.config.vocabularySize;
    if (model.vocabulary.kind == TokenizerKind::None || (exact ? tokens == rows : tokens <= rows))
        return {};
    return Status(Code::VocabularyInvalid,
                  {{"file", model.path.string()},
                   {"field", PHRASE("Status", "the vocabulary")},
                   {"problem", "has " + std::to_string(tokens) + " tokens, but the model embeds " +
                                   std::to_string(rows)}});
}

Result<OpenedModel> openGguf(const std::filesystem::path& path) {
    const auto file = GgufFile::open(path);
    if (!file)
        return file.status();
    const GgufHeader& header = (*file)->header();
    OpenedModel model;
    model.path = path;
    model.format = "GGUF v" + std::to_string(header.version);
    model.fileBytes = (*file)->fileBytes();
    model.tensors = *file;
    auto config = configFromGguf(**file);
    if (!config)
        return config.status();
    model.config = *std::move(config);
    if (model.config.architecture == Architecture::Gpt2)
        model.tensors = std::make_shared<Gpt2Tensors>(*file, Gpt2Tensors::Layout::RowMajor);
    INGLENOOK_TRY(checkTensors(model.config, *model.tensors));
    model.config.parameterCount = countParameters(*model.tensors);
    model.fileType = mainTensorType(*model.tensors);
    auto vocabulary = vocabularyFromGguf(header);
    if (!vocabulary)
        return vocabulary.status();
    model.vocabulary = *std::move(vocabulary);
    INGLENOOK_TRY(checkVocabulary(model, true));
    auto sampling = samplingFromGguf(header);
    if (!sampling)
        return sampling.status();
    model.sampling = *sampling;
    const auto text = [&](std::string_view key, std::string& out) {
        auto value = header.stringValue(key);
        if (!value)
            return value.status();
        out = value->value_or("");
        return Status();
    };
    INGLENOOK_TRY(text("tokenizer.chat_template", model.chatTemplate));
    INGLENOOK_TRY(text("general.license", model.licence));
    INGLENOOK_TRY(text("general.base_model.0.name", model.baseModel));
    return model;
}

Result<std::string> readIfThere(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        return std::string();
    return readTextFile(path, kLargestConfig);
}

Result<OpenedModel> openFolder(const std::filesystem::path& folder) {
    std::error_code error;
    const std::filesystem::path configPath = folder / "config.json";
    if (!std::filesystem::exists(configPath, error))
        return Status(
            Code::ModelFormatUnknown,
            {{"file", folder.string()}, {"problem", PHRASE("Status", "it has no config.json")}});
    const auto configText = readTextFile(configPath, kLargestConfig);
    if (!configText)
        return configText.status();
    auto config = configFromJson(*configText, configPath.string());
    if (!config)
        return config.status();
    const auto weights = SafetensorsModel::open(folder);
    if (!weights)
        return weights.status();

    OpenedModel model;
    model.path = folder;
    model.format = "safetensors";
    model.config = *std::move(config);
    model.config.name =
        std::filesystem::absolute(folder, error).lexically_normal().filename().string();
    if (model.config.name.empty())
        model.config.name = folder.parent_path().filename().string();
    if (model.config.tiedEmbeddings)
        (*weights)->drop("output.weight"); // some writers store the embeddings twice
    else
        model.config.tiedEmbeddings = (*weights)->find("output.weight") == nullptr;
    INGLENOOK_TRY(validate(model.config).with("file", configPath.string()));
    model.tensors = *weights;
    if (model.config.architecture == Architecture::Gpt2)
        model.tensors = std::make_shared<Gpt2Tensors>(*weights, Gpt2Tensors::Layout::Conv1D);
    INGLENOOK_TRY(checkTensors(model.config, *model.tensors));
    model.config.parameterCount = countParameters(*model.tensors);
    model.fileBytes = (*weights)->fileBytes();
    model.fileType = mainTensorType(*model.tensors);

    const std::filesystem::path generationPath = folder / "generation_config.json";
    const auto generation = readIfThere(generationPath);
    if (!generation)
        return generation.status();
    if (!generation->empty()) {
        const auto sampling = samplingFromJson(*generation, generationPath.string());
        if (!sampling)
            return sampling.status();
        model.sampling = *sampling;
    }
    auto chatTemplate = chatTemplateOfFolder(folder);
    if (!chatTemplate)
        return chatTemplate.status();
    model.chatTemplate = *std::move(chatTemplate);
    auto vocabulary = vocabularyFromFolder(folder);
    if (!vocabulary)
        return vocabulary.status();
    model.vocabulary = *std::move(vocabulary);
    INGLENOOK_TRY(checkVocabulary(model, false));
    return model;
}

/// The parsers bound what they allocate; should it fail all the same, it is a Status like any
/// other.
template<typename Open>
auto withoutThrowing(Open open) -> decltype(open()) {
    try {
        return open();
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory,
                      {{"need", "more memory"}, {"free", formatBytes(availableHostMemory())}});
    } catch (const std::exception& failure) { // e.g. a path the C++ library cannot convert
        return Status(Code::InternalError, {{"detail", failure.what()}});
    }
}

} // namespace

Result<OpenedModel> openModel(const std::filesystem::path& path) {
    return withoutThrowing([&]() -> Result<OpenedModel> {
        std::error_code error;
        if (std::filesystem::is_directory(path, error))
            return openFolder(path);
        return openGguf(path);
    });
}

Result<Vocabulary> openVocabulary(const std::filesystem::path& path) {
    return withoutThrowing([&]() -> Result<Vocabulary> {
        std::error_code error;
        Result<Vocabulary> vocabulary = Vocabulary();
        if (std::filesystem::is_directory(path, error)) {
            vocabulary = vocabularyFromFolder(path);
        } else {
            const auto file = FileReader::open(path);
            if (!file)
                return file.status();
            const auto header = parseGguf(*file);
            if (!header)
                return header.status();
            vocabulary = vocabularyFromGguf(*header);
        }
        if (vocabulary && vocabulary->kind == TokenizerKind::None)
            return Status(Code::TokenizerMissing, {{"file", path.string()}});
        return vocabulary;
    });
}

} // namespace engine
