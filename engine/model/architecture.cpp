#include "engine/model/architecture.h"

#include "engine/phrase.h"

#include <algorithm>
#include <array>

namespace engine {

namespace {

constexpr std::array<std::string_view, 7> kLater = {"deepseek",    "deepseek2",    "deepseek_v2",
                                                    "deepseek_v3", "deepseek_v32", "qwen2_moe",
                                                    "qwen3_moe"};

std::string shapeText(const std::vector<std::uint64_t>& shape) {
    std::string text;
    for (const std::uint64_t dimension : shape)
        text += (text.empty() ? "" : " x ") + std::to_string(dimension);
    return text;
}

bool holdsWeights(TensorType type) {
    switch (type) {
    case TensorType::I32:
    case TensorType::F64:
    case TensorType::I64:
    case TensorType::I16:
    case TensorType::I8:
        return false;
    default:
        return true;
    }
}

/// A tensor that belongs to the computation although this configuration does not know it: ignoring
/// it would give wrong answers without a word.
bool changesResult(std::string_view name) {
    constexpr std::array<std::string_view, 2> kHarmless = {"rope_freqs.weight", "output.weight"};
    if (std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end())
        return false;
    return name.ends_with(".weight") || name.ends_with(".bias");
}

} // namespace

Result<Architecture> parseArchitecture(std::string_view name, const std::string& file) {
    for (const Architecture architecture :
         {Architecture::Llama, Architecture::Qwen2, Architecture::Qwen3, Architecture::Gpt2})
        if (name == architectureName(architecture))
            return architecture;
    const bool later = std::find(kLater.begin(), kLater.end(), name) != kLater.end();
    return Status(later ? Code::ArchitectureLater : Code::ArchitectureUnknown,
                  {{"file", file}, {"architecture", std::string(name.substr(0, 64))}});
}

void setFamily(ModelConfig& config) {
    const bool gpt2 = config.architecture == Architecture::Gpt2;
    config.qkNorm = config.architecture == Architecture::Qwen3;
    config.qkvBias = config.architecture == Architecture::Qwen2 || gpt2;
    config.layerNorm = config.learnedPositions = config.plainMlp = config.projectionBias = gpt2;
}

std::string layerTensor(std::uint32_t layer, std::string_view part) {
    return "blk." + std::to_string(layer) + "." + std::string(part);
}

std::vector<ExpectedTensor> expectedTensors(const ModelConfig& config) {
    const std::uint64_t hidden = config.hiddenSize;
    const std::uint64_t query = config.queryWidth();
    const std::uint64_t kv = config.kvWidth();
    const std::uint64_t inner = config.intermediateSize;
    std::vector<ExpectedTensor> tensors;
    tensors.push_back({"token_embd.weight", {config.vocabularySize, hidden}});
    if (config.learnedPositions)
        tensors.push_back({"position_embd.weight", {config.contextLength, hidden}});
    for (std::uint32_t layer = 0; layer < config.layerCount; ++layer) {
        const auto add = [&](std::string_view part, std::vector<std::uint64_t> shape) {
            tensors.push_back({layerTensor(layer, part), std::move(shape)});
        };
        const auto addNorm = [&](const std::string& part) {
            add(part + ".weight", {hidden});
            if (config.layerNorm)
                add(part + ".bias", {hidden});
        };
        const auto addProjection = [&](const std::string& part, std::uint64_t rows,
                                       std::uint64_t columns) {
            add(part + ".weight", {rows, columns});
            if (config.projectionBias)
                add(part + ".bias", {rows});
        };
        addNorm("attn_norm");
        add("attn_q.weight", {query, hidden});
        add("attn_k.weight", {kv, hidden});
        add("attn_v.weight", {kv, hidden});
        if (config.qkvBias) {
            add("attn_q.bias", {query});
            add("attn_k.bias", {kv});
            add("attn_v.bias", {kv});
        }
        if (config.qkNorm) {
            add("attn_q_norm.weight", {config.headDim});
            add("attn_k_norm.weight", {config.headDim});
        }
        addProjection("attn_output", hidden, query);
        addNorm("ffn_norm");
        if (!config.plainMlp)
            add("ffn_gate.weight", {inner, hidden});
        addProjection("ffn_up", inner, hidden);
        addProjection("ffn_down", hidden, inner);
    }
    tensors.push_back({"output_norm.weight", {hidden}});
    if (config.layerNorm)
        tensors.push_back({"output_norm.bias", {hidden}});
    if (!config.tiedEmbeddings)
        tensors.push_back({"output.weight", {config.vocabularySize, hidden}});
    return tensors;
}

Status checkTensors(const ModelConfig& config, const TensorSource& source) {
    std::vector<std::string> expectedNames;
    // A wrong layer count must not make a list far longer than what the file can hold.
    if (config.layerCount > source.tensors().size())
        return Status(Code::TensorMissing,
                      {{"file", source.fileName()},
                       {"tensor", layerTensor(config.layerCount - 1, "attn_norm.weight")}});
    for (ExpectedTensor& expected : expectedTensors(config)) {
        const TensorInfo* tensor = source.find(expected.name);
        if (tensor == nullptr)
            return Status(Code::TensorMissing,
                          {{"file", source.fileName()}, {"tensor", expected.name}});
        if (tensor->shape != expected.shape)
            return Status(Code::TensorShapeWrong, {{"file", source.fileName()},
                                                   {"tensor", expected.name},
                                                   {"value", shapeText(tensor->shape)},
                                                   {"expected", shapeText(expected.shape)}});
        if (!holdsWeights(tensor->type))
            return Status(
                Code::ModelUnsupported,
                {{"file", source.fileName()},
                 {"field", "the type of tensor " + expected.name},
                 {"value", std::string(tensorTypeName(tensor->type))},
                 {"supported", PHRASE("Status", "weights are floats or quantized blocks")}});
        expectedNames.push_back(std::move(expected.name));
    }
    std::sort(expectedNames.begin(), expectedNames.end());
    for (const TensorInfo& tensor : source.tensors())
        if (changesResult(tensor.name) &&
            !std::binary_search(expectedNames.begin(), expectedNames.end(), tensor.name))
            return Status(
                Code::ModelUnsupported,
                {{"file", source.fileName()},
                 {"field", PHRASE("Status", "a tensor")},
                 {"value", tensor.name},
                 {"supported", "a plain " + std::string(architectureName(config.architecture)) +
                                   " model has none of that name"}});
    return {};
}

std::uint64_t countParameters(const TensorSource& source) {
    std::uint64_t count = 0;
    for (const TensorInfo& tensor : source.tensors())
        if (tensor.name != "rope_freqs.weight")
            count += tensor.rows() * tensor.columns();
    return count;
}

std::string mainTensorType(const TensorSource& source) {
    std::array<std::uint64_t, 16> bytes{};
    for (const TensorInfo& tensor : source.tensors())
        bytes[static_cast<std::size_t>(tensor.type)] += tensor.bytes;
    const auto most = std::max_element(bytes.begin(), bytes.end()) - bytes.begin();
    return std::string(tensorTypeName(static_cast<TensorType>(most)));
}

} // namespace engine
