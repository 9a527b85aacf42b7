#include "tests/engine/device/tiny_model.h"

#include <cmath>

namespace tests {

PlainModel::Rows PlainModel::multiply(const Rows& x, const std::string& name) const {
    const std::vector<float>& weights = m_source.values(name);
    const std::size_t columns = x[0].size();
    Rows out(x.size(), std::vector<double>(weights.size() / columns));
    for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t n = 0; n < out[t].size(); ++n)
            for (std::size_t k = 0; k < columns; ++k)
                out[t][n] += weights[n * columns + k] * x[t][k];
    return out;
}

PlainModel::Rows PlainModel::normalize(const Rows& x, const std::string& name,
                                       std::size_t group) const {
    const std::vector<float>& weights = m_source.values(name);
    Rows out = x;
    for (std::vector<double>& row : out)
        for (std::size_t first = 0; first < row.size(); first += group) {
            double squares = 0;
            for (std::size_t i = 0; i < group; ++i)
                squares += row[first + i] * row[first + i];
            const double factor =
                1 / std::sqrt(squares / static_cast<double>(group) + m_config.normEps);
            for (std::size_t i = 0; i < group; ++i)
                row[first + i] *= factor * weights[i];
        }
    return out;
}

PlainModel::Rows PlainModel::normed(const Rows& x, const std::string& name) const {
    if (!m_config.layerNorm)
        return normalize(x, name + ".weight", m_config.hiddenSize);
    const std::vector<float>& weights = m_source.values(name + ".weight");
    Rows out = x;
    for (std::vector<double>& row : out) {
        double mean = 0;
        double variance = 0;
        for (const double value : row)
            mean += value / static_cast<double>(row.size());
        for (const double value : row)
            variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
        for (std::size_t i = 0; i < row.size(); ++i)
            row[i] = (row[i] - mean) / std::sqrt(variance + m_config.normEps) * weights[i];
    }
    addBias(out, name + ".bias");
    return out;
}

PlainModel::Rows PlainModel::mlp(const Rows& input, const std::string& prefix) const {
    Rows up = multiply(input, prefix + "ffn_up.weight");
    if (m_config.projectionBias)
        addBias(up, prefix + "ffn_up.bias");
    if (m_config.plainMlp) {
        constexpr double kPi = 3.14159265358979323846;
        for (std::vector<double>& row : up)
            for (double& y : row)
                y *= 0.5 * (1 + std::tanh(std::sqrt(2 / kPi) * (y + 0.044715 * y * y * y)));
        return up;
    }
    Rows gate = multiply(input, prefix + "ffn_gate.weight");
    for (std::size_t t = 0; t < gate.size(); ++t)
        for (std::size_t i = 0; i < gate[t].size(); ++i)
            gate[t][i] = gate[t][i] / (1 + std::exp(-gate[t][i])) * up[t][i];
    return gate;
}

void PlainModel::addTo(Rows& x, const Rows& y) const {
    for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t i = 0; i < x[t].size(); ++i)
            x[t][i] += y[t][i];
}

void PlainModel::addBias(Rows& x, const std::string& name) const {
    const std::vector<float>& bias = m_source.values(name);
    for (std::vector<double>& row : x)
        for (std::size_t i = 0; i < row.size(); ++i)
            row[i] += bias[i];
}

void PlainModel::turn(Rows& x) const {
    const std::size_t dim = m_config.headDim;
    const std::size_t pairs = m_config.rotaryDim / 2;
    const bool adjacent = m_config.ropePairing == engine::RopePairing::Adjacent;
    for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t head = 0; head < x[t].size(); head += dim)
            for (std::size_t i = 0; i < pairs; ++i) {
                double& a = x[t][head + (adjacent ? 2 * i : i)];
                double& b = x[t][head + (adjacent ? 2 * i + 1 : i + pairs)];
                const double c = m_rope.cosine[t * pairs + i];
                const double s = m_rope.sine[t * pairs + i];
                const double turned = a * c - b * s;
                b = b * c + a * s;
                a = turned;
            }
}

PlainModel::Rows PlainModel::attend(const Rows& q, const Rows& k, const Rows& v) const {
    const std::size_t dim = m_config.headDim;
    const std::size_t share = m_config.headCount / m_config.kvHeadCount;
    Rows out(q.size(), std::vector<double>(q[0].size()));
    for (std::size_t t = 0; t < q.size(); ++t)
        for (std::size_t head = 0; head < m_config.headCount; ++head) {
            const std::size_t kv = head / share * dim;
            std::vector<double> weights(t + 1);
            double sum = 0;
            for (std::size_t p = 0; p <= t; ++p) {
                double score = 0;
                for (std::size_t i = 0; i < dim; ++i)
                    score += q[t][head * dim + i] * k[p][kv + i];
                weights[p] = std::exp(score / std::sqrt(static_cast<double>(dim)));
                sum += weights[p];
            }
            for (std::size_t p = 0; p <= t; ++p)
                for (std::size_t i = 0; i < dim; ++i)
                    out[t][head * dim + i] += weights[p] / sum * v[p][kv + i];
        }
    return out;
}

std::vector<float> PlainModel::logits(const std::vector<engine::TokenId>& tokens) const {
    const std::size_t hidden = m_config.hiddenSize;
    const std::vector<float>& embedding = m_source.values("token_embd.weight");
    Rows x;
    for (const engine::TokenId token : tokens) {
        const auto first = embedding.begin() + static_cast<long>(hidden) * token;
        x.emplace_back(first, first + static_cast<long>(hidden));
    }
    if (m_config.learnedPositions)
        for (std::size_t t = 0; t < x.size(); ++t)
            for (std::size_t i = 0; i < hidden; ++i)
                x[t][i] += m_source.values("position_embd.weight")[t * hidden + i];
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer) {
        const std::string prefix = "blk." + std::to_string(layer) + ".";
        const Rows input = normed(x, prefix + "attn_norm");
        Rows q = multiply(input, prefix + "attn_q.weight");
        Rows k = multiply(input, prefix + "attn_k.weight");
        Rows v = multiply(input, prefix + "attn_v.weight");
        if (m_config.qkvBias) {
            addBias(q, prefix + "attn_q.bias");
            addBias(k, prefix + "attn_k.bias");
            addBias(v, prefix + "attn_v.bias");
        }
        if (m_config.qkNorm) {
            q = normalize(q, prefix + "attn_q_norm.weight", m_config.headDim);
            k = normalize(k, prefix + "attn_k_norm.weight", m_config.headDim);
        }
        turn(q);
        turn(k);
        addTo(x, multiply(attend(q, k, v), prefix + "attn_output.weight"));
        if (m_config.projectionBias)
            addBias(x, prefix + "attn_output.bias");
        const Rows inner = mlp(normed(x, prefix + "ffn_norm"), prefix);
        addTo(x, multiply(inner, prefix + "ffn_down.weight"));
        if (m_config.projectionBias)
            addBias(x, prefix + "ffn_down.bias");
    }
    const Rows all = multiply(normed(x, "output_norm"),
                              m_config.tiedEmbeddings ? "token_embd.weight" : "output.weight");
    std::vector<float> out;
    for (const std::vector<double>& row : all)
        out.insert(out.end(), row.begin(), row.end());
    return out;
}

} // namespace tests
