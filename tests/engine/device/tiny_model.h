#pragma once
// A random model of any small shape in memory, and its logits computed plainly in double: no pages,
// no chunks, no kernels.

#include "engine/model/model_config.h"
#include "engine/model/tensor_source.h"
#include "engine/text/vocabulary.h"

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace tests {

class TinySource final : public engine::TensorSource {
  public:
    TinySource(const engine::ModelConfig& config, std::uint32_t seed) : m_random(seed) {
        const std::uint64_t hidden = config.hiddenSize;
        addMatrix("token_embd.weight", config.vocabularySize, hidden, 0.5F);
        if (config.learnedPositions)
            addMatrix("position_embd.weight", config.contextLength, hidden, 0.5F);
        for (std::uint32_t i = 0; i < config.layerCount; ++i)
            addLayer("blk." + std::to_string(i) + ".", config);
        addNorm("output_norm.weight", hidden);
        if (config.layerNorm)
            addVector("output_norm.bias", hidden);
        if (!config.tiedEmbeddings)
            addMatrix("output.weight", config.vocabularySize, hidden, 1);
        for (const auto& [name, values] : m_values)
            addInfo(name, values.size());
    }

    const std::vector<float>& values(const std::string& name) const { return m_values.at(name); }
    void remove(const std::string& name) {
        std::erase_if(m_tensors, [&](const engine::TensorInfo& t) { return t.name == name; });
    }
    void reshape(const std::string& name, std::vector<std::uint64_t> shape) {
        for (engine::TensorInfo& tensor : m_tensors)
            if (tensor.name == name)
                tensor.shape = shape;
    }

    const std::vector<engine::TensorInfo>& tensors() const override { return m_tensors; }
    const engine::TensorInfo* find(std::string_view name) const override {
        for (const engine::TensorInfo& tensor : m_tensors)
            if (tensor.name == name)
                return &tensor;
        return nullptr;
    }
    engine::Status read(const engine::TensorInfo& tensor, std::uint64_t offset,
                        std::span<std::byte> out) const override {
        const std::vector<float>& values = m_values.at(tensor.name);
        std::memcpy(out.data(), reinterpret_cast<const std::byte*>(values.data()) + offset,
                    out.size());
        return {};
    }
    std::string contentHash() const override { return "tiny"; }

  private:
    void addLayer(const std::string& prefix, const engine::ModelConfig& config) {
        const std::uint64_t hidden = config.hiddenSize;
        addNorm(prefix + "attn_norm.weight", hidden);
        addMatrix(prefix + "attn_q.weight", config.queryWidth(), hidden, 1);
        addMatrix(prefix + "attn_k.weight", config.kvWidth(), hidden, 1);
        addMatrix(prefix + "attn_v.weight", config.kvWidth(), hidden, 1);
        addMatrix(prefix + "attn_output.weight", hidden, config.queryWidth(), 1);
        addNorm(prefix + "ffn_norm.weight", hidden);
        if (!config.plainMlp)
            addMatrix(prefix + "ffn_gate.weight", config.intermediateSize, hidden, 1);
        addMatrix(prefix + "ffn_up.weight", config.intermediateSize, hidden, 1);
        addMatrix(prefix + "ffn_down.weight", hidden, config.intermediateSize, 1);
        if (config.layerNorm) {
            addVector(prefix + "attn_norm.bias", hidden);
            addVector(prefix + "ffn_norm.bias", hidden);
        }
        if (config.projectionBias) {
            addVector(prefix + "attn_output.bias", hidden);
            addVector(prefix + "ffn_up.bias", config.intermediateSize);
            addVector(prefix + "ffn_down.bias", hidden);
        }
        if (config.qkvBias) {
            addVector(prefix + "attn_q.bias", config.queryWidth());
            addVector(prefix + "attn_k.bias", config.kvWidth());
            addVector(prefix + "attn_v.bias", config.kvWidth());
        }
        if (config.qkNorm) {
            addNorm(prefix + "attn_q_norm.weight", config.headDim);
            addNorm(prefix + "attn_k_norm.weight", config.headDim);
        }
    }
    void addMatrix(const std::string& name, std::uint64_t rows, std::uint64_t columns, float size) {
        std::normal_distribution<float> normal(0, size / std::sqrt(static_cast<float>(columns)));
        fill(name, rows * columns, normal);
        m_shapes[name] = {rows, columns};
    }
    void addNorm(const std::string& name, std::uint64_t length) {
        std::uniform_real_distribution<float> uniform(0.6F, 1.4F);
        fill(name, length, uniform);
        m_shapes[name] = {length};
    }
    void addVector(const std::string& name, std::uint64_t length) {
        std::normal_distribution<float> normal(0, 0.5F);
        fill(name, length, normal);
        m_shapes[name] = {length};
    }
    template<typename Distribution>
    void fill(const std::string& name, std::uint64_t count, Distribution& distribution) {
        std::vector<float>& values = m_values[name];
        values.resize(count);
        for (float& value : values)
            value = distribution(m_random);
    }
    void addInfo(const std::string& name, std::uint64_t count) {
        engine::TensorInfo info;
        info.name = name;
        info.type = engine::TensorType::F32;
        info.shape = m_shapes[name];
        info.bytes = count * sizeof(float);
        m_tensors.push_back(info);
    }

    std::mt19937 m_random;
    std::map<std::string, std::vector<float>> m_values;
    std::map<std::string, std::vector<std::uint64_t>> m_shapes;
    std::vector<engine::TensorInfo> m_tensors;
};

/// Logits [tokens][vocabulary] of a sequence.
class PlainModel {
  public:
    PlainModel(const engine::ModelConfig& config, const TinySource& source)
        : m_config(config),
          m_source(source),
          m_rope(engine::makeRopeTable(config, config.contextLength)) {}

    std::vector<float> logits(const std::vector<engine::TokenId>& tokens) const;

  private:
    using Rows = std::vector<std::vector<double>>; // [tokens][width]

    Rows multiply(const Rows& x, const std::string& name) const;
    Rows normalize(const Rows& x, const std::string& name, std::size_t group) const;
    /// Of the residual: RMSNorm or LayerNorm; `name` without ".weight".
    Rows normed(const Rows& x, const std::string& name) const;
    Rows mlp(const Rows& input, const std::string& prefix) const;
    void addTo(Rows& x, const Rows& y) const;
    void addBias(Rows& x, const std::string& name) const;
    void turn(Rows& x) const;
    Rows attend(const Rows& q, const Rows& k, const Rows& v) const;

    const engine::ModelConfig& m_config;
    const TinySource& m_source;
    engine::RopeTable m_rope;
};

} // namespace tests
