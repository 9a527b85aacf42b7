#include "engine/model/gguf_config.h"

#include "engine/model/architecture.h"
#include "engine/model/quantize.h"
#include "engine/phrase.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {

namespace {

/// Reads the keys of one architecture; the first failure stays and stops the rest.
class Keys {
  public:
    Keys(const GgufHeader& header, std::string_view architecture)
        : m_header(header), m_prefix(std::string(architecture) + ".") {}

    const Status& status() const { return m_status; }

    std::optional<std::uint32_t> number(std::string_view key) {
        const std::string full = m_prefix + std::string(key);
        if (const auto same = uniformArray(full))
            return same;
        const auto value = take(m_header.unsignedValue(full));
        if (value && *value > std::numeric_limits<std::int32_t>::max()) {
            fail(full, std::to_string(*value), "it is a sensible number");
            return std::nullopt;
        }
        return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
    }
    std::uint32_t neededNumber(std::string_view key) {
        const auto value = number(key);
        if (!value && m_status.ok())
            m_status = Status(Code::ModelFieldMissing, {{"file", m_header.file->name()},
                                                        {"field", m_prefix + std::string(key)}});
        return value.value_or(0);
    }
    std::optional<double> real(std::string_view key) {
        return take(m_header.floatValue(m_prefix + std::string(key)));
    }
    std::optional<std::string> text(std::string_view key) {
        return take(m_header.stringValue(m_prefix + std::string(key)));
    }
    void fail(const std::string& field, std::string value, std::string expected) {
        if (m_status.ok())
            m_status = Status(Code::ModelFieldInvalid, {{"file", m_header.file->name()},
                                                        {"field", field},
                                                        {"value", std::move(value)},
                                                        {"expected", std::move(expected)}});
    }
    void unsupported(std::string_view key, std::string value, std::string supported) {
        if (m_status.ok())
            m_status = Status(Code::ModelUnsupported, {{"file", m_header.file->name()},
                                                       {"field", m_prefix + std::string(key)},
                                                       {"value", std::move(value)},
                                                       {"supported", std::move(supported)}});
    }

  private:
    template<typename T>
    std::optional<T> take(Result<std::optional<T>> result) {
        if (!result) {
            if (m_status.ok())
                m_status = result.status();
            return std::nullopt;
        }
        return *result;
    }

    /// Some converters write one number a layer; layers that differ are not computed.
    std::optional<std::uint32_t> uniformArray(const std::string& key) {
        const GgufEntry* entry = m_header.find(key);
        if (entry == nullptr || entry->type != GgufType::Array)
            return std::nullopt;
        const auto& array = std::get<GgufArray>(entry->value);
        if ((array.element != GgufType::I32 && array.element != GgufType::U32) ||
            array.count == 0 || array.count > 4096) {
            fail(key, "an array", "it is a number, or one number a layer");
            return 0;
        }
        const auto values = m_header.readInts(array);
        if (!values) {
            m_status = values.status();
            return 0;
        }
        for (const std::int32_t value : *values)
            if (value != values->front() || value < 0)
                fail(key, "an array of different numbers", "all layers are alike");
        return static_cast<std::uint32_t>(std::max(values->front(), 0));
    }

    const GgufHeader& m_header;
    std::string m_prefix;
    Status m_status;
};

void readRope(Keys& keys, ModelConfig& config) {
    config.rotaryDim = keys.number("rope.dimension_count").value_or(config.headDim);
    config.ropeTheta = keys.real("rope.freq_base").value_or(10000.0);
    RopeScaling& scaling = config.ropeScaling;
    const std::string kind = keys.text("rope.scaling.type").value_or("");
    scaling.factor = keys.real("rope.scaling.factor").value_or(1.0);
    if (kind.empty()) {
        if (const auto linear = keys.real("rope.scale_linear")) // the key of older files
            scaling.factor = *linear;
        scaling.kind = scaling.factor != 1.0 ? RopeScalingKind::Linear : RopeScalingKind::None;
    } else if (kind == "linear") {
        scaling.kind = RopeScalingKind::Linear;
    } else if (kind == "yarn") {
        scaling.kind = RopeScalingKind::Yarn;
        scaling.originalContext =
            keys.number("rope.scaling.original_context_length").value_or(config.contextLength);
        // GGUF states a multiplier of the derived factor, transformers the product itself.
        const auto multiplier = keys.real("rope.scaling.attn_factor");
        const auto other = keys.real("rope.scaling.yarn_attn_factor");
        if (scaling.factor > 1.0 && (multiplier || other))
            scaling.attentionFactor =
                (multiplier ? *multiplier : *other) * (0.1 * std::log(scaling.factor) + 1.0);
        scaling.betaFast = keys.real("rope.scaling.yarn_beta_fast").value_or(scaling.betaFast);
        scaling.betaSlow = keys.real("rope.scaling.yarn_beta_slow").value_or(scaling.betaSlow);
    } else if (kind != "none") {
        keys.unsupported("rope.scaling.type", kind, PHRASE("Status", "none, linear and yarn work"));
    }
}

Status readDivisors(const GgufFile& file, ModelConfig& config) {
    const TensorInfo* divisors = file.find("rope_freqs.weight");
    if (divisors == nullptr)
        return {};
    if (divisors->shape.size() != 1 || divisors->shape[0] != config.rotaryDim / 2)
        return Status(Code::TensorShapeWrong, {{"file", file.fileName()},
                                               {"tensor", divisors->name},
                                               {"value", std::to_string(divisors->columns())},
                                               {"expected", std::to_string(config.rotaryDim / 2)}});
    auto values = loadVector(file, *divisors);
    if (!values)
        return values.status();
    config.ropeScaling.frequencyDivisors = *std::move(values);
    return {};
}

Result<std::uint32_t> vocabularySize(const GgufFile& file) {
    const TensorInfo* embeddings = file.find("token_embd.weight");
    if (embeddings == nullptr)
        return Status(Code::TensorMissing,
                      {{"file", file.fileName()}, {"tensor", "token_embd.weight"}});
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(embeddings->rows(), std::numeric_limits<std::uint32_t>::max()));
}

} // namespace

Result<ModelConfig> configFromGguf(const GgufFile& file) {
    const GgufHeader& header = file.header();
    const auto architectureText = header.stringValue("general.architecture");
    if (!architectureText)
        return architectureText.status();
    if (!*architectureText)
        return Status(Code::ModelFieldMissing,
                      {{"file", file.fileName()}, {"field", "general.architecture"}});
    const auto architecture = parseArchitecture(**architectureText, file.fileName());
    if (!architecture)
        return architecture.status();
    const auto title = header.stringValue("general.name");
    if (!title)
        return title.status();
    const auto vocabulary = vocabularySize(file);
    if (!vocabulary)
        return vocabulary.status();

    ModelConfig config;
    config.architecture = *architecture;
    setFamily(config);
    config.name = title->value_or(header.file->path().stem().string());
    config.vocabularySize = *vocabulary;
    Keys keys(header, architectureName(*architecture));
    config.hiddenSize = keys.neededNumber("embedding_length");
    config.layerCount = keys.neededNumber("block_count");
    config.headCount = keys.neededNumber("attention.head_count");
    config.kvHeadCount = keys.number("attention.head_count_kv").value_or(config.headCount);
    config.intermediateSize = keys.neededNumber("feed_forward_length");
    config.contextLength = keys.neededNumber("context_length");
    config.normEps =
        static_cast<float>(keys.real(config.layerNorm ? "attention.layer_norm_epsilon"
                                                      : "attention.layer_norm_rms_epsilon")
                               .value_or(1e-5));
    config.headDim = keys.number("attention.key_length")
                         .value_or(config.headCount > 0 ? config.hiddenSize / config.headCount : 0);
    if (const auto valueSize = keys.number("attention.value_length");
        valueSize && *valueSize != config.headDim)
        keys.unsupported("attention.value_length", std::to_string(*valueSize),
                         PHRASE("Status", "keys and values have one size"));
    if (const auto experts = keys.number("expert_count"); experts.value_or(0) > 0)
        keys.unsupported("expert_count", std::to_string(*experts),
                         PHRASE("Status", "models without experts work"));
    if (!config.learnedPositions)
        readRope(keys, config);
    INGLENOOK_TRY(keys.status());
    config.ropePairing =
        config.architecture == Architecture::Llama ? RopePairing::Adjacent : RopePairing::Halves;
    config.qkvBias = config.qkvBias || file.find("blk.0.attn_q.bias") != nullptr;
    config.tiedEmbeddings = file.find("output.weight") == nullptr;
    INGLENOOK_TRY(readDivisors(file, config));
    INGLENOOK_TRY(validate(config).with("file", file.fileName()));
    return config;
}

Result<PublishedSampling> samplingFromGguf(const GgufHeader& header) {
    PublishedSampling sampling;
    const auto readFloat = [&](std::string_view key, std::optional<float>& out) {
        const auto value = header.floatValue(key);
        if (!value)
            return value.status();
        if (*value)
            out = static_cast<float>(**value);
        return Status();
    };
    INGLENOOK_TRY(readFloat("general.sampling.temp", sampling.temperature));
    INGLENOOK_TRY(readFloat("general.sampling.top_p", sampling.topP));
    INGLENOOK_TRY(readFloat("general.sampling.min_p", sampling.minP));
    INGLENOOK_TRY(readFloat("general.sampling.penalty_repeat", sampling.repetitionPenalty));
    const auto topK = header.unsignedValue("general.sampling.top_k");
    if (!topK)
        return topK.status();
    if (*topK && **topK <= std::numeric_limits<std::int32_t>::max())
        sampling.topK = static_cast<int>(**topK);
    return sampling;
}

} // namespace engine
