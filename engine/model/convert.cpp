#include "engine/model/convert.h"

#include "engine/checked.h"
#include "engine/model/architecture.h"
#include "engine/model/dequantize.h"
#include "engine/model/float_formats.h"
#include "engine/model/gguf_metadata_writer.h"
#include "engine/model/gguf_writer.h"
#include "engine/model/memory_plan.h"
#include "engine/model/quantize_groups.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace engine {

namespace {

constexpr std::uint32_t kBlock = 32; // weights in a Q8_0 or Q4_0 block

struct Target {
    std::vector<const TensorInfo*> from; // one behind another; empty: `values` are written
    TensorInfo to;
    std::uint32_t permutedHeads = 0; // > 0: rows of every head go from halves to adjacent pairs
    std::uint32_t headDim = 0;
    std::vector<float> values;
};

TensorType targetType(const TensorInfo& tensor, WeightFormat weights) {
    const bool positions = tensor.name == "position_embd.weight";
    if (tensor.shape.size() == 1 || positions || weights == WeightFormat::F32)
        return TensorType::F32; // norms, biases and positions are few and sensitive
    if (weights == WeightFormat::BF16)
        return TensorType::BF16;
    if (tensor.columns() % kBlock != 0)
        return TensorType::F16;
    const bool wide = tensor.name == "token_embd.weight" || tensor.name == "output.weight";
    return weights == WeightFormat::Int4 && !wide ? TensorType::Q4_0 : TensorType::Q8_0;
}

/// Floats of whole rows in the bytes of a type. False when a scale or half overflows.
bool encode(TensorType type, std::span<const float> values, std::span<std::byte> out) {
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    bool reachable = true;
    switch (type) {
    case TensorType::F32:
        std::memcpy(to, values.data(), values.size_bytes());
        return true;
    case TensorType::F16:
    case TensorType::BF16:
        for (const float value : values) {
            const std::uint16_t bits =
                type == TensorType::F16 ? floatToHalf(value) : floatToBfloat(value);
            reachable &= type == TensorType::BF16 || (bits & 0x7C00U) != 0x7C00U;
            std::memcpy(to, &bits, sizeof bits);
            to += sizeof bits;
        }
        return reachable;
    default:
        break;
    }
    const bool wide = type == TensorType::Q8_0;
    for (std::size_t at = 0; at < values.size(); at += kBlock) {
        std::uint16_t scale = 0;
        const auto block = values.subspan(at, kBlock);
        reachable &= wide ? quantizeInt8(block, scale, reinterpret_cast<std::int8_t*>(to + 2))
                          : quantizeInt4(block, scale, to + 2);
        std::memcpy(to, &scale, sizeof scale);
        to += tensorBlock(type).bytes;
    }
    return reachable;
}

/// Row of the source that becomes row `row`: GGUF llama files turn neighbours (2i, 2i + 1), Hugging
/// Face ones (i, i + headDim / 2), so rows change places within their head.
std::uint64_t sourceRow(const Target& target, std::uint64_t row) {
    if (target.permutedHeads == 0)
        return row;
    const std::uint64_t head = row / target.headDim;
    const std::uint64_t inside = row % target.headDim;
    return head * target.headDim + inside / 2 + inside % 2 * (target.headDim / 2);
}

/// gpt2 files hold query, key and value as one tensor: the name of the three, or "".
std::string fusedName(const OpenedModel& model, const std::string& name) {
    const std::size_t at = name.find(".attn_q.");
    if (model.config.architecture != Architecture::Gpt2 || at == std::string::npos)
        return {};
    return std::string(name).replace(at, 8, ".attn_qkv.");
}
bool isFusedPart(const OpenedModel& model, const std::string& name) {
    return model.config.architecture == Architecture::Gpt2 &&
           (name.find(".attn_k.") != std::string::npos ||
            name.find(".attn_v.") != std::string::npos);
}
/// Query, key and value behind each other.
void fuse(const OpenedModel& model, const std::string& fused, Target& target) {
    const std::string query = target.to.name;
    const std::size_t at = query.find(".attn_q.");
    for (const char* part : {".attn_k.", ".attn_v."})
        target.from.push_back(model.tensors->find(std::string(query).replace(at, 8, part)));
    target.to.name = fused;
    target.to.shape.front() *= 3;
    target.to.bytes *= 3;
}

/// The tensors to write, in the order of the source.
std::vector<Target> planTargets(const OpenedModel& model, WeightFormat weights) {
    const ModelConfig& config = model.config;
    const bool permute =
        config.architecture == Architecture::Llama && config.ropePairing == RopePairing::Halves;
    std::vector<Target> targets;
    for (const TensorInfo& tensor : model.tensors->tensors()) {
        if (isFusedPart(model, tensor.name))
            continue;
        Target target;
        target.from = {&tensor};
        target.to = tensor;
        target.to.type = targetType(tensor, weights);
        target.to.bytes = *checkedTensorBytes(target.to.type, tensor.shape);
        const bool query = tensor.name.find(".attn_q.") != std::string::npos;
        const bool key = tensor.name.find(".attn_k.") != std::string::npos;
        if (permute && (query || key)) {
            target.permutedHeads = query ? config.headCount : config.kvHeadCount;
            target.headDim = config.headDim;
        }
        if (const std::string fused = fusedName(model, tensor.name); !fused.empty())
            fuse(model, fused, target);
        targets.push_back(std::move(target));
    }
    if (config.ropeScaling.kind == RopeScalingKind::Llama3) {
        // GGUF has no key for this scaling: the divisors are a tensor.
        ModelConfig plain = config;
        plain.ropeScaling = {};
        const std::vector<double> base = ropeInverseFrequencies(plain, nullptr);
        const std::vector<double> scaled = ropeInverseFrequencies(config, nullptr);
        Target target;
        for (std::size_t i = 0; i < base.size(); ++i)
            target.values.push_back(static_cast<float>(base[i] / scaled[i]));
        target.to = {"rope_freqs.weight", TensorType::F32, {base.size()}, base.size() * 4};
        targets.push_back(std::move(target));
    }
    return targets;
}

/// Reads, checks and encodes one tensor, some rows at a time.
class TensorCopier {
  public:
    TensorCopier(const TensorSource& source, GgufWriter& writer)
        : m_source(source), m_writer(writer) {}

    Status copy(const Target& target, const std::atomic<bool>& stop) {
        if (target.from.empty())
            INGLENOOK_TRY(m_writer.append(std::as_bytes(std::span(target.values))));
        for (const TensorInfo* from : target.from)
            INGLENOOK_TRY(copyPart(target, *from, stop));
        return m_writer.endTensor();
    }

  private:
    Status copyPart(const Target& target, const TensorInfo& from, const std::atomic<bool>& stop) {
        // A bias is a vector, yet permuted like rows: one element a row.
        const bool vectorRows = target.permutedHeads > 0 && from.shape.size() == 1;
        const std::uint64_t columns = vectorRows ? 1 : from.columns();
        const std::uint64_t rows = vectorRows ? from.columns() : from.rows();
        const std::uint64_t fromRow = from.bytes / rows;
        const std::uint64_t toRow = target.to.bytes / target.from.size() / rows;
        const std::uint64_t chunkRows = std::clamp<std::uint64_t>((1U << 20) / fromRow, 1, rows);
        m_raw.resize(chunkRows * fromRow);
        m_values.resize(chunkRows * columns);
        m_encoded.resize(chunkRows * toRow);
        for (std::uint64_t row = 0; row < rows; row += chunkRows) {
            if (stop)
                return Status(Code::Cancelled);
            const std::uint64_t count = std::min(chunkRows, rows - row);
            INGLENOOK_TRY(readRows(target, from, row, count, fromRow));
            const std::span<std::byte> raw(m_raw.data(), count * fromRow);
            const std::span<float> values(m_values.data(), count * columns);
            const std::span<std::byte> encoded(m_encoded.data(), count * toRow);
            // Blocks that already have the wanted type are copied, but checked all the same.
            const bool same = from.type == target.to.type;
            if (!dequantize(from.type, raw, values) ||
                (!same && !encode(target.to.type, values, encoded)))
                return Status(Code::TensorNotFinite, {{"tensor", from.name},
                                                      {"file", m_source.fileName()},
                                                      {"row", std::to_string(row)}});
            INGLENOOK_TRY(m_writer.append(same ? raw : encoded));
        }
        return {};
    }

    Status readRows(const Target& target, const TensorInfo& from, std::uint64_t row,
                    std::uint64_t count, std::uint64_t rowBytes) {
        if (target.permutedHeads == 0)
            return m_source.read(from, row * rowBytes, std::span(m_raw.data(), count * rowBytes));
        for (std::uint64_t i = 0; i < count; ++i)
            INGLENOOK_TRY(m_source.read(from, sourceRow(target, row + i) * rowBytes,
                                        std::span(m_raw.data() + i * rowBytes, rowBytes)));
        return {};
    }

    const TensorSource& m_source;
    GgufWriter& m_writer;
    std::vector<std::byte> m_raw;
    std::vector<float> m_values;
    std::vector<std::byte> m_encoded;
};

bool isQuantized(TensorType type) {
    return type == TensorType::Q8_0 || type == TensorType::Q4_0;
}

Result<ConvertReport> convert(const OpenedModel& model, const std::filesystem::path& out,
                              WeightFormat weights,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                              const std::atomic<bool>& stop) {
    const std::vector<Target> targets = planTargets(model, weights);
    GgufWriter writer(out);
    INGLENOOK_TRY(writeMetadata(model, weights, writer));
    ConvertReport report;
    report.inputBytes = model.fileBytes;
    std::uint64_t total = 0;
    for (const Target& target : targets) {
        writer.addTensor(target.to);
        total += target.to.bytes;
        if (isQuantized(target.to.type)) {
            report.quantizedBytes += target.to.bytes;
            report.quantizedF32Bytes += target.to.rows() * target.to.columns() * sizeof(float);
        } else if (target.to.type == TensorType::F16) {
            report.keptTensors.push_back(target.to.name);
        }
    }
    INGLENOOK_TRY(writer.begin());
    TensorCopier copier(*model.tensors, writer);
    std::uint64_t done = 0;
    for (const Target& target : targets) {
        INGLENOOK_TRY(copier.copy(target, stop));
        done += target.to.bytes;
        if (progress)
            progress(done, total);
    }
    INGLENOOK_TRY(writer.finish());
    report.outputBytes = writer.written();
    return report;
}

} // namespace

Result<ConvertReport>
convertToGguf(const OpenedModel& model, const std::filesystem::path& out, WeightFormat weights,
              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress,
              const std::atomic<bool>& stop) {
    if (weights == WeightFormat::Auto)
        return Status(Code::OptionInvalid, {{"option", "--weights"},
                                            {"value", "auto"},
                                            {"expected", "it is one of f32, bf16, int8, int4"}});
    std::error_code error;
    if (std::filesystem::equivalent(model.path, out, error))
        return Status(Code::FileCannotWrite,
                      {{"file", out.string()}, {"reason", "it is the model being converted"}});
    try {
        return convert(model, out, weights, progress, stop);
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory,
                      {{"need", "more memory"}, {"free", formatBytes(availableHostMemory())}});
    }
}

} // namespace engine
