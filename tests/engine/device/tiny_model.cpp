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
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer) {
        const std::string prefix = "blk." + std::to_string(layer) + ".";
        const Rows input = normalize(x, prefix + "attn_norm.weight", hidden);
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
        const Rows inner = normalize(x, prefix + "ffn_norm.weight", hidden);
        Rows gate = multiply(inner, prefix + "ffn_gate.weight");
        const Rows up = multiply(inner, prefix + "ffn_up.weight");
        for (std::size_t t = 0; t < gate.size(); ++t)
            for (std::size_t i = 0; i < gate[t].size(); ++i)
                gate[t][i] = gate[t][i] / (1 + std::exp(-gate[t][i])) * up[t][i];
        addTo(x, multiply(gate, prefix + "ffn_down.weight"));
    }
    const Rows all = multiply(normalize(x, "output_norm.weight", hidden),
                              m_config.tiedEmbeddings ? "token_embd.weight" : "output.weight");
    std::vector<float> out;
    for (const std::vector<double>& row : all)
        out.insert(out.end(), row.begin(), row.end());
    return out;
}

} // namespace tests
