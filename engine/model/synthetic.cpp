#include "engine/model/synthetic.h"

#include "engine/model/architecture.h"
#include "engine/model/float_formats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <numbers>

namespace engine {

namespace {

struct Shape {
    std::string_view name;
    Architecture architecture;
    std::uint32_t hidden, layers, heads, kvHeads, headDim, inner, vocabulary, context;
    double theta;
    float eps;
    bool tied;
};

/// As the models' own config.json states them.
constexpr std::array<Shape, 8> kShapes = {{
    {"qwen2-1.5b", Architecture::Qwen2, 1536, 28, 12, 2, 128, 8960, 151936, 32768, 1e6, 1e-6F,
     true},
    {"qwen2-7b", Architecture::Qwen2, 3584, 28, 28, 4, 128, 18944, 152064, 32768, 1e6, 1e-6F,
     false},
    {"llama-8b", Architecture::Llama, 4096, 32, 32, 8, 128, 14336, 128256, 8192, 5e5, 1e-5F, false},
    {"qwen3-8b", Architecture::Qwen3, 4096, 36, 32, 8, 128, 12288, 151936, 40960, 1e6, 1e-6F,
     false},
    {"qwen2-14b", Architecture::Qwen2, 5120, 48, 40, 8, 128, 13824, 152064, 32768, 1e6, 1e-5F,
     false},
    {"qwen2-32b", Architecture::Qwen2, 5120, 64, 40, 8, 128, 27648, 152064, 32768, 1e6, 1e-5F,
     false},
    {"llama-70b", Architecture::Llama, 8192, 80, 64, 8, 128, 28672, 128256, 8192, 5e5, 1e-5F,
     false},
    {"gpt2-xl", Architecture::Gpt2, 1600, 48, 25, 25, 64, 6400, 50257, 1024, 1e4, 1e-5F, true},
}};

/// SplitMix64's finalizer: a counter in, 64 well-mixed bits out.
inline std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

/// Quantile of the standard normal distribution: bisection on the error function, used 32768 times.
double normalQuantile(double probability) {
    double low = -6.0;
    double high = 6.0;
    for (int i = 0; i < 40; ++i) {
        const double middle = 0.5 * (low + high);
        const double below = 0.5 * std::erfc(-middle / std::numbers::sqrt2);
        (below < probability ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

/// Sixteen random bits to a normal random number, as bf16 with the tensor's standard deviation.
using NormalTable = std::array<std::uint16_t, 65536>;

/// Weights made when read: element i of a tensor depends on the seed, the tensor's number and i
/// alone, so reads of any order and any thread agree.
class SyntheticSource : public TensorSource {
  public:
    SyntheticSource(const ModelConfig& config, std::uint64_t seed) : m_seed(seed) {
        std::vector<double> quantiles(32768);
        for (std::size_t i = 0; i < quantiles.size(); ++i)
            quantiles[i] = normalQuantile((static_cast<double>(i) + 0.5) / 65536.0);
        for (ExpectedTensor& expected : expectedTensors(config)) {
            TensorInfo tensor;
            tensor.name = std::move(expected.name);
            tensor.type = TensorType::BF16;
            tensor.shape = std::move(expected.shape);
            tensor.bytes = tensor.rows() * tensor.columns() * 2;
            const Law law = lawOf(tensor, config);
            auto& table = m_tables[{law.mean, law.deviation}];
            if (table == nullptr)
                table = makeTable(quantiles, law.mean, law.deviation);
            m_byName.emplace(tensor.name, m_tensors.size());
            m_tableOf.push_back(table.get());
            m_tensors.push_back(std::move(tensor));
        }
    }

    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }

    const TensorInfo* find(std::string_view name) const override {
        const auto found = m_byName.find(name);
        return found == m_byName.end() ? nullptr : &m_tensors[found->second];
    }

    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override {
        const auto found = m_byName.find(tensor.name);
        if (found == m_byName.end() || offset > m_tensors[found->second].bytes ||
            out.size() > m_tensors[found->second].bytes - offset)
            return Status(Code::InternalError, {{"detail", "a read outside of " + tensor.name}});
        const std::uint64_t key = mix(m_seed + 0x9E3779B97F4A7C15ULL * (found->second + 1));
        const NormalTable& table = *m_tableOf[found->second];
        std::array<std::uint16_t, 4> four;
        for (std::size_t done = 0; done < out.size();) {
            const std::uint64_t at = offset + done;
            const std::uint64_t bits = mix(key + 0x9E3779B97F4A7C15ULL * (at / sizeof four));
            for (std::size_t i = 0; i < four.size(); ++i)
                four[i] = table[(bits >> (16 * i)) & 0xFFFFU];
            const std::size_t inside = at % sizeof four;
            const std::size_t part = std::min(sizeof four - inside, out.size() - done);
            std::memcpy(out.data() + done, reinterpret_cast<const char*>(four.data()) + inside,
                        part);
            done += part;
        }
        return {};
    }

    std::string contentHash() const override {
        return "synthetic-" + std::to_string(m_seed) + "-" + std::to_string(m_tensors.size()) +
               "-" + std::to_string(m_tensors.front().columns());
    }

  private:
    struct Law {
        double mean;
        double deviation;
    };

    /// Every projection keeps the scale of its input (1 / sqrt(K)); the head gives logits of
    /// standard deviation 2 from a normed state; norms lie around 1, biases around 0.
    static Law lawOf(const TensorInfo& tensor, const ModelConfig& config) {
        if (tensor.name.ends_with(".bias"))
            return {0.0, 0.1};
        if (tensor.shape.size() == 1)
            return {1.0, 0.05};
        const double wish = tensor.name == "output.weight" ||
                                    (config.tiedEmbeddings && tensor.name == "token_embd.weight")
                                ? 2.0
                                : 1.0;
        return {0.0, wish / std::sqrt(static_cast<double>(tensor.columns()))};
    }

    static std::shared_ptr<const NormalTable> makeTable(const std::vector<double>& quantiles,
                                                        double mean, double deviation) {
        auto table = std::make_shared<NormalTable>();
        for (std::size_t i = 0; i < quantiles.size(); ++i) {
            (*table)[i] = floatToBfloat(static_cast<float>(mean + deviation * quantiles[i]));
            (*table)[65535 - i] =
                floatToBfloat(static_cast<float>(mean - deviation * quantiles[i]));
        }
        return table;
    }

    std::uint64_t m_seed;
    std::vector<TensorInfo> m_tensors;
    std::vector<const NormalTable*> m_tableOf; // [tensors]
    std::map<std::string, std::size_t, std::less<>> m_byName;
    std::map<std::pair<double, double>, std::shared_ptr<const NormalTable>> m_tables;
};

} // namespace

std::vector<std::string_view> syntheticShapes() {
    std::vector<std::string_view> names;
    for (const Shape& shape : kShapes)
        names.push_back(shape.name);
    return names;
}

Result<ModelConfig> syntheticConfig(std::string_view name) {
    std::string known = "it is one of";
    for (const Shape& shape : kShapes) {
        known += (known.back() == 'f' ? " " : ", ") + std::string(shape.name);
        if (shape.name != name)
            continue;
        ModelConfig config;
        config.architecture = shape.architecture;
        setFamily(config);
        config.name = "synthetic " + std::string(name);
        config.vocabularySize = shape.vocabulary;
        config.hiddenSize = shape.hidden;
        config.layerCount = shape.layers;
        config.headCount = shape.heads;
        config.kvHeadCount = shape.kvHeads;
        config.headDim = shape.headDim;
        config.intermediateSize = shape.inner;
        config.contextLength = shape.context;
        config.normEps = shape.eps;
        config.ropeTheta = shape.theta;
        config.rotaryDim = config.learnedPositions ? 0 : shape.headDim;
        config.tiedEmbeddings = shape.tied;
        for (const ExpectedTensor& tensor : expectedTensors(config)) {
            std::uint64_t elements = 1;
            for (const std::uint64_t dimension : tensor.shape)
                elements *= dimension;
            config.parameterCount += elements;
        }
        return config;
    }
    return Status(
        Code::OptionInvalid,
        {{"option", "SHAPE"}, {"value", std::string(name)}, {"expected", std::move(known)}});
}

std::shared_ptr<const TensorSource> makeSyntheticSource(const ModelConfig& config,
                                                        std::uint64_t seed) {
    return std::make_shared<SyntheticSource>(config, seed);
}

} // namespace engine
