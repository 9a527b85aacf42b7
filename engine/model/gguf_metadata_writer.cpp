#include "engine/model/gguf_metadata_writer.h"

#include "engine/model/gguf_file.h"

#include <cmath>

namespace engine {

namespace {

/// general.file_type as ggml numbers it.
std::uint32_t fileTypeNumber(WeightFormat weights) {
    switch (weights) {
    case WeightFormat::F32:
        return 0;
    case WeightFormat::Int4:
        return 2; // mostly Q4_0
    case WeightFormat::BF16:
        return 32;
    default:
        return 7; // mostly Q8_0
    }
}

void writeConfig(const ModelConfig& config, GgufWriter& writer) {
    const std::string prefix = std::string(architectureName(config.architecture)) + ".";
    const auto number = [&](std::string_view key, std::uint32_t value) {
        writer.add(prefix + std::string(key), value);
    };
    const auto real = [&](std::string_view key, double value) {
        writer.add(prefix + std::string(key), static_cast<float>(value));
    };
    number("vocab_size", config.vocabularySize);
    number("context_length", config.contextLength);
    number("embedding_length", config.hiddenSize);
    number("block_count", config.layerCount);
    number("feed_forward_length", config.intermediateSize);
    number("attention.head_count", config.headCount);
    if (config.architecture == Architecture::Gpt2)
        return real("attention.layer_norm_epsilon", config.normEps);
    number("attention.head_count_kv", config.kvHeadCount);
    number("attention.key_length", config.headDim);
    number("attention.value_length", config.headDim);
    real("attention.layer_norm_rms_epsilon", config.normEps);
    number("rope.dimension_count", config.rotaryDim);
    real("rope.freq_base", config.ropeTheta);
    const RopeScaling& scaling = config.ropeScaling;
    if (scaling.kind != RopeScalingKind::Linear && scaling.kind != RopeScalingKind::Yarn)
        return; // llama3 travels as the tensor rope_freqs.weight
    const bool yarn = scaling.kind == RopeScalingKind::Yarn;
    writer.add(prefix + "rope.scaling.type", std::string_view(yarn ? "yarn" : "linear"));
    real("rope.scaling.factor", scaling.factor);
    if (!yarn)
        return;
    number("rope.scaling.original_context_length", scaling.originalContext);
    if (scaling.attentionFactor > 0) // GGUF states the multiplier of the derived factor
        real("rope.scaling.attn_factor",
             scaling.attentionFactor / (0.1 * std::log(scaling.factor) + 1.0));
    real("rope.scaling.yarn_beta_fast", scaling.betaFast);
    real("rope.scaling.yarn_beta_slow", scaling.betaSlow);
}

/// ggml's numbers of token attributes.
std::int32_t tokenTypeNumber(TokenAttribute attribute) {
    switch (attribute) {
    case TokenAttribute::Normal:
        return 1;
    case TokenAttribute::Unknown:
        return 2;
    case TokenAttribute::Control:
        return 3;
    case TokenAttribute::UserDefined:
        return 4;
    case TokenAttribute::Unused:
        return 5;
    case TokenAttribute::Byte:
        return 6;
    }
    return 1;
}

void writeVocabulary(const Vocabulary& vocabulary, std::uint32_t rows, GgufWriter& writer) {
    const bool pieces = vocabulary.kind == TokenizerKind::SentencePiece;
    writer.add("tokenizer.ggml.model", std::string_view(pieces ? "llama" : "gpt2"));
    writer.add("tokenizer.ggml.pre", preTokenizerName(vocabulary));
    std::vector<std::string> texts;
    std::vector<std::int32_t> types;
    std::vector<float> scores;
    for (const VocabularyToken& token : vocabulary.tokens) {
        texts.push_back(token.text);
        types.push_back(tokenTypeNumber(token.attribute));
        scores.push_back(token.score);
    }
    while (texts.size() < rows) { // embeddings without a token
        texts.push_back("[PAD" + std::to_string(texts.size()) + "]");
        types.push_back(tokenTypeNumber(TokenAttribute::Unused));
        scores.push_back(0);
    }
    writer.add("tokenizer.ggml.tokens", texts);
    writer.add("tokenizer.ggml.token_type", types);
    if (pieces)
        writer.add("tokenizer.ggml.scores", scores);
    else
        writer.add("tokenizer.ggml.merges", vocabulary.merges);
    const auto id = [&](std::string_view name, TokenId value) {
        if (value != kNoToken)
            writer.add("tokenizer.ggml." + std::string(name) + "_token_id",
                       static_cast<std::uint32_t>(value));
    };
    id("bos", vocabulary.bos);
    id("eos", vocabulary.eos);
    id("unknown", vocabulary.unknown);
    id("padding", vocabulary.padding);
    // A second end token (<|eot_id|> beside <|end_of_text|>) has a key of its own.
    for (const TokenId end : vocabulary.endOfGeneration) {
        if (end != vocabulary.eos) {
            id("eot", end);
            break;
        }
    }
    writer.add("tokenizer.ggml.add_bos_token", vocabulary.addBos);
    writer.add("tokenizer.ggml.add_eos_token", vocabulary.addEos);
    if (pieces)
        writer.add("tokenizer.ggml.add_space_prefix", vocabulary.addSpacePrefix);
}

void writeSampling(const PublishedSampling& sampling, GgufWriter& writer) {
    const auto real = [&](std::string_view key, const std::optional<float>& value) {
        if (value)
            writer.add(key, *value);
    };
    real("general.sampling.temp", sampling.temperature);
    real("general.sampling.top_p", sampling.topP);
    real("general.sampling.min_p", sampling.minP);
    real("general.sampling.penalty_repeat", sampling.repetitionPenalty);
    if (sampling.topK && *sampling.topK >= 0)
        writer.add("general.sampling.top_k", static_cast<std::uint32_t>(*sampling.topK));
}

/// Keys that describe the file, not the model.
bool isOfTheFile(std::string_view key) {
    return key == "general.file_type" || key == "general.quantization_version" ||
           key == "general.alignment" || key.starts_with("split.");
}

} // namespace

std::string preTokenizerName(const Vocabulary& vocabulary) {
    if (!vocabulary.preTokenizer.empty())
        return vocabulary.preTokenizer;
    // What sets the families' expressions apart: how many digits go together, and contractions.
    std::string all;
    for (const std::string& regex : vocabulary.splitRegexes)
        all += regex + "\n";
    const auto has = [&](std::string_view part) { return all.find(part) != std::string::npos; };
    if (vocabulary.kind == TokenizerKind::SentencePiece)
        return "default";
    if (has("\\p{N}{1,3}") && has("(?i:'s|'t|'re|'ve|'m|'ll|'d)"))
        return "llama-bpe";
    if (has("\\p{N}{1,3}"))
        return "deepseek-v3";
    if (has("(?i:'s|'t|'re|'ve|'m|'ll|'d)"))
        return "qwen2";
    if (vocabulary.splitDigitsSingly)
        return "deepseek-llm";
    return vocabulary.splitRegexes.size() <= 1 ? "gpt-2" : "default";
}

Status writeMetadata(const OpenedModel& model, WeightFormat weights, GgufWriter& writer) {
    if (const auto* file = dynamic_cast<const GgufFile*>(model.tensors.get())) {
        const GgufHeader& header = file->header();
        for (const GgufEntry& entry : header.entries)
            if (!isOfTheFile(entry.key))
                INGLENOOK_TRY(writer.copy(*header.file, entry));
    } else {
        writer.add("general.architecture", architectureName(model.config.architecture));
        writer.add("general.name", std::string_view(model.config.name));
        if (!model.licence.empty())
            writer.add("general.license", std::string_view(model.licence));
        writeConfig(model.config, writer);
        writeSampling(model.sampling, writer);
        if (model.vocabulary.kind != TokenizerKind::None)
            writeVocabulary(model.vocabulary, model.config.vocabularySize, writer);
        if (!model.chatTemplate.empty())
            writer.add("tokenizer.chat_template", std::string_view(model.chatTemplate));
    }
    writer.add("general.quantization_version", std::uint32_t{2});
    writer.add("general.file_type", fileTypeNumber(weights));
    return {};
}

} // namespace engine
