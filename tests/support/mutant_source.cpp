#include "tests/support/mutant_source.h"

#include <cstring>
#include <functional>

namespace tests {

using namespace engine;

namespace {

using Change = std::function<std::uint16_t(std::uint16_t)>; // of one BF16 value

/// Hands on everything, but changes the values of tensors whose name ends with a suffix.
class MutantSource final : public TensorSource {
  public:
    MutantSource(std::shared_ptr<const TensorSource> inner, std::string suffix, Change change)
        : m_inner(std::move(inner)), m_suffix(std::move(suffix)), m_change(std::move(change)) {}

    const std::vector<TensorInfo>& tensors() const override { return m_inner->tensors(); }
    const TensorInfo* find(std::string_view name) const override { return m_inner->find(name); }
    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override {
        INGLENOOK_TRY(m_inner->read(tensor, offset, out));
        if (!tensor.name.ends_with(m_suffix) || tensor.type != TensorType::BF16)
            return {};
        for (std::size_t at = 0; at + 2 <= out.size(); at += 2) {
            std::uint16_t value = 0;
            std::memcpy(&value, out.data() + at, 2);
            value = m_change(value);
            std::memcpy(out.data() + at, &value, 2);
        }
        return {};
    }
    std::string contentHash() const override { return m_inner->contentHash() + "-mutant"; }

  private:
    std::shared_ptr<const TensorSource> m_inner;
    std::string m_suffix;
    Change m_change;
};

/// Reads one tensor of every layer where another is asked for, and the other way round.
class SwappedSource final : public TensorSource {
  public:
    SwappedSource(std::shared_ptr<const TensorSource> inner, std::string one, std::string other)
        : m_inner(std::move(inner)), m_one(std::move(one)), m_other(std::move(other)) {}

    const std::vector<TensorInfo>& tensors() const override { return m_inner->tensors(); }
    const TensorInfo* find(std::string_view name) const override { return m_inner->find(name); }
    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override {
        std::string name = tensor.name;
        if (const std::size_t at = name.find(m_one); at != std::string::npos)
            name.replace(at, m_one.size(), m_other);
        else if (const std::size_t other = name.find(m_other); other != std::string::npos)
            name.replace(other, m_other.size(), m_one);
        return m_inner->read(*m_inner->find(name), offset, out);
    }
    std::string contentHash() const override { return m_inner->contentHash() + "-swapped"; }

  private:
    std::shared_ptr<const TensorSource> m_inner;
    std::string m_one;
    std::string m_other;
};

std::uint16_t one(std::uint16_t) {
    return 0x3F80;
}
std::uint16_t zero(std::uint16_t) {
    return 0;
}
std::uint16_t twice(std::uint16_t value) {
    return (value & 0x7F80U) == 0 ? value : std::uint16_t(value + 0x80);
}

} // namespace

void mutate(OpenedModel& model, const std::string& mutation) {
    const auto wrap = [&](const char* suffix, Change change) {
        model.tensors = std::make_shared<MutantSource>(model.tensors, suffix, std::move(change));
    };
    ModelConfig& config = model.config;
    if (mutation == "attention norm forgotten")
        wrap("attn_norm.weight", one);
    else if (mutation == "feed-forward norm forgotten")
        wrap("ffn_norm.weight", one);
    else if (mutation == "output norm forgotten")
        wrap("output_norm.weight", one);
    else if (mutation == "query norm forgotten")
        wrap("attn_q_norm.weight", one);
    else if (mutation == "key norm forgotten")
        wrap("attn_k_norm.weight", one);
    else if (mutation == "key bias forgotten")
        wrap("attn_k.bias", zero);
    else if (mutation == "query bias forgotten")
        wrap("attn_q.bias", zero);
    else if (mutation == "value bias forgotten")
        wrap("attn_v.bias", zero);
    else if (mutation == "positions forgotten")
        wrap("position_embd.weight", zero);
    else if (mutation == "norm bias forgotten")
        wrap("_norm.bias", zero);
    else if (mutation == "output bias forgotten")
        wrap("attn_output.bias", zero);
    else if (mutation == "inner bias forgotten")
        wrap("ffn_up.bias", zero);
    else if (mutation == "down bias forgotten")
        wrap("ffn_down.bias", zero);
    else if (mutation == "query and key swapped")
        model.tensors = std::make_shared<SwappedSource>(model.tensors, ".attn_q.", ".attn_k.");
    else if (mutation == "attention scale")
        wrap("attn_q.weight", twice); // q twice as large: the score's scale is wrong by two
    else if (mutation == "RoPE pairing")
        config.ropePairing =
            config.ropePairing == RopePairing::Halves ? RopePairing::Adjacent : RopePairing::Halves;
    else if (mutation == "RoPE scaling forgotten")
        config.ropeScaling = {};
    else if (mutation == "RoPE theta")
        config.ropeTheta = 10'000;
    else if (mutation == "eps")
        config.normEps = 1e-6F;
}

} // namespace tests
