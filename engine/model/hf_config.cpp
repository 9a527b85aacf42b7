#include "engine/model/hf_config.h"

#include "engine/model/architecture.h"
#include "engine/model/file_reader.h"
#include "engine/model/json_file.h"
#include "engine/phrase.h"

#include <algorithm>
#include <cmath>

namespace engine {

namespace {

constexpr std::uint64_t kLargestTemplate = 1ULL << 20;
constexpr std::uint64_t kLargestTokenizerConfig = 8ULL << 20;

void readYarn(JsonReader& rope, RopeScaling& scaling) {
    scaling.betaFast = rope.real("beta_fast").value_or(32.0);
    scaling.betaSlow = rope.real("beta_slow").value_or(1.0);
    if (rope.has("mscale") || rope.has("mscale_all_dim"))
        rope.unsupported("rope scaling mscale", "set", PHRASE("Status", "plain yarn works"));
    if (const auto factor = rope.real("attention_factor"))
        scaling.attentionFactor = *factor;
    else if (const auto multiplier = rope.real("attn_factor"); multiplier && scaling.factor > 1.0)
        // DeepSeek-R1-0528-Qwen3-8B writes this key; as in GGUF it multiplies the derived factor.
        scaling.attentionFactor = *multiplier * (0.1 * std::log(scaling.factor) + 1.0);
}

/// The object that says how RoPE is scaled: `rope_parameters` (transformers 5, holds rope_theta
/// too) or `rope_scaling` (before).
void readRope(JsonReader& json, ModelConfig& config, const std::string& file) {
    config.ropeTheta = json.real("rope_theta").value_or(10000.0);
    const nlohmann::json* object = json.member("rope_parameters");
    if (object == nullptr)
        object = json.member("rope_scaling");
    const nlohmann::json empty = nlohmann::json::object();
    if (object != nullptr && !object->is_object()) {
        json.unsupported("rope_parameters", object->type_name(),
                         PHRASE("Status", "it is an object"));
        object = nullptr;
    }
    JsonReader rope(object != nullptr ? *object : empty, file);
    config.ropeTheta = rope.real("rope_theta").value_or(config.ropeTheta);
    const double partial = rope.real("partial_rotary_factor")
                               .value_or(json.real("partial_rotary_factor").value_or(1.0));
    config.rotaryDim = partial > 0.0 && partial <= 1.0
                           ? static_cast<std::uint32_t>(config.headDim * partial)
                           : 0; // refused by validate()
    auto kind = rope.text("rope_type");
    if (!kind)
        kind = rope.text("type"); // the key of older files
    RopeScaling& scaling = config.ropeScaling;
    const auto original = rope.number("original_max_position_embeddings");
    const auto factor = rope.real("factor");
    scaling.factor = factor.value_or(1.0);
    if (!kind || *kind == "default") {
        scaling.factor = 1.0;
    } else if (*kind == "linear") {
        scaling.kind = RopeScalingKind::Linear;
    } else if (*kind == "llama3") {
        scaling.kind = RopeScalingKind::Llama3;
        scaling.originalContext = original.value_or(0);
        scaling.lowFrequencyFactor = rope.real("low_freq_factor").value_or(1.0);
        scaling.highFrequencyFactor = rope.real("high_freq_factor").value_or(4.0);
    } else if (*kind == "yarn") {
        scaling.kind = RopeScalingKind::Yarn;
        scaling.originalContext = original.value_or(config.contextLength);
        if (!factor && scaling.originalContext > 0)
            scaling.factor = static_cast<double>(config.contextLength) / scaling.originalContext;
        readYarn(rope, scaling);
    } else {
        json.unsupported("rope scaling", kind->substr(0, 64),
                         PHRASE("Status", "default, linear, llama3 and yarn work"));
    }
    json.fail(rope.status());
}

void refuseQuantized(JsonReader& json) {
    if (json.has("quantization_config"))
        json.unsupported("quantization_config", "set",
                         PHRASE("Status", "F32, F16 and BF16 safetensors and GGUF work"));
}

/// Settings that change the computation and are not computed here.
void refuseOthers(JsonReader& json) {
    refuseQuantized(json);
    if (const auto act = json.text("hidden_act"); act && *act != "silu")
        json.unsupported("hidden_act", act->substr(0, 64), PHRASE("Status", "silu works"));
    if (json.truth("mlp_bias").value_or(false))
        json.unsupported("mlp_bias", "true", PHRASE("Status", "models without these biases work"));
    if (json.truth("use_sliding_window").value_or(false))
        json.unsupported("use_sliding_window", "true", PHRASE("Status", "full attention works"));
    if (json.number("num_experts").value_or(0) > 0 ||
        json.number("num_local_experts").value_or(0) > 0)
        json.unsupported("num_experts", "set", PHRASE("Status", "models without experts work"));
}

/// gpt2 has keys of its own.
void readGpt2(JsonReader& json, ModelConfig& config) {
    config.vocabularySize = json.neededNumber("vocab_size");
    config.hiddenSize = json.neededNumber("n_embd");
    config.layerCount = json.neededNumber("n_layer");
    config.headCount = config.kvHeadCount = json.neededNumber("n_head");
    config.contextLength = json.neededNumber("n_positions");
    config.intermediateSize = json.number("n_inner").value_or(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(4ULL * config.hiddenSize, 0x7FFFFFFF)));
    config.normEps = static_cast<float>(json.real("layer_norm_epsilon").value_or(1e-5));
    config.headDim = config.headCount > 0 ? config.hiddenSize / config.headCount : 0;
    if (config.headCount > 0 && config.hiddenSize % config.headCount != 0)
        json.unsupported("n_head", std::to_string(config.headCount),
                         PHRASE("Status", "it divides n_embd"));
    config.tiedEmbeddings = json.truth("tie_word_embeddings").value_or(true);
    refuseQuantized(json);
    const auto act = json.text("activation_function");
    if (act && *act != "gelu_new" && *act != "gelu_pytorch_tanh")
        json.unsupported("activation_function", act->substr(0, 64),
                         PHRASE("Status", "gelu_new works"));
    if (!json.truth("scale_attn_weights").value_or(true))
        json.unsupported("scale_attn_weights", "false",
                         PHRASE("Status", "attention is scaled by the head size"));
    if (json.truth("scale_attn_by_inverse_layer_idx").value_or(false))
        json.unsupported("scale_attn_by_inverse_layer_idx", "true",
                         PHRASE("Status", "attention is scaled by the head size"));
    if (json.truth("add_cross_attention").value_or(false))
        json.unsupported("add_cross_attention", "true",
                         PHRASE("Status", "models without an encoder work"));
}

} // namespace

Result<ModelConfig> configFromJson(std::string_view text, const std::string& file) {
    const auto document = parseJson(text, file);
    if (!document)
        return document.status();
    JsonReader json(*document, file);
    const auto type = json.text("model_type");
    INGLENOOK_TRY(json.status());
    if (!type)
        return Status(Code::ModelFieldMissing, {{"file", file}, {"field", "model_type"}});
    const auto architecture = parseArchitecture(*type, file);
    if (!architecture)
        return architecture.status();

    ModelConfig config;
    config.architecture = *architecture;
    setFamily(config);
    if (config.architecture == Architecture::Gpt2) {
        readGpt2(json, config);
        INGLENOOK_TRY(json.status());
        return config;
    }
    config.vocabularySize = json.neededNumber("vocab_size");
    config.hiddenSize = json.neededNumber("hidden_size");
    config.layerCount = json.neededNumber("num_hidden_layers");
    config.headCount = json.neededNumber("num_attention_heads");
    config.kvHeadCount = json.number("num_key_value_heads").value_or(config.headCount);
    config.intermediateSize = json.neededNumber("intermediate_size");
    config.contextLength = json.neededNumber("max_position_embeddings");
    config.normEps = static_cast<float>(json.real("rms_norm_eps").value_or(1e-6));
    config.headDim = json.number("head_dim")
                         .value_or(config.headCount > 0 ? config.hiddenSize / config.headCount : 0);
    config.ropePairing = RopePairing::Halves;
    config.qkvBias = config.qkvBias || json.truth("attention_bias").value_or(false);
    config.tiedEmbeddings = json.truth("tie_word_embeddings").value_or(false);
    readRope(json, config, file);
    refuseOthers(json);
    INGLENOOK_TRY(json.status());
    return config;
}

Result<PublishedSampling> samplingFromJson(std::string_view text, const std::string& file) {
    const auto document = parseJson(text, file);
    if (!document)
        return document.status();
    JsonReader json(*document, file);
    PublishedSampling sampling;
    const auto real = [&](std::string_view key) -> std::optional<float> {
        const auto value = json.real(key);
        return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
    };
    sampling.temperature = real("temperature");
    sampling.topP = real("top_p");
    sampling.minP = real("min_p");
    sampling.repetitionPenalty = real("repetition_penalty");
    if (const auto topK = json.number("top_k"))
        sampling.topK = static_cast<int>(*topK);
    INGLENOOK_TRY(json.status());
    return sampling;
}

Result<std::string> chatTemplateOfFolder(const std::filesystem::path& folder) {
    std::error_code error;
    if (std::filesystem::exists(folder / "chat_template.jinja", error))
        return readTextFile(folder / "chat_template.jinja", kLargestTemplate);
    const std::filesystem::path path = folder / "tokenizer_config.json";
    if (!std::filesystem::exists(path, error))
        return std::string();
    const auto document = parseJsonFile(path, kLargestTokenizerConfig);
    if (!document)
        return document.status();
    JsonReader json(*document, path.string());
    const nlohmann::json* value = json.member("chat_template");
    if (value == nullptr)
        return std::string();
    if (value->is_string())
        return value->get<std::string>();
    if (value->is_array()) {
        for (const nlohmann::json& item : *value) {
            JsonReader entry(item, path.string());
            if (entry.text("name") == "default")
                return entry.text("template").value_or("");
        }
        return std::string();
    }
    return Status(Code::ModelFieldInvalid, {{"file", path.string()},
                                            {"field", "chat_template"},
                                            {"value", value->type_name()},
                                            {"expected", "it is text or a list"}});
}

} // namespace engine
