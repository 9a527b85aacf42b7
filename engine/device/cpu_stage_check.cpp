#include "engine/device/cpu_stage_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace engine {

namespace {

constexpr std::uint32_t kMostRows = 8;
constexpr double kLimit = 1e-3;        // relative error, before output is rounded
constexpr double kRoundedLimit = 2e-3; // of output that is rounded to bf16

} // namespace

CpuStageCheck::CpuStageCheck(const ModelConfig& config, const NumberFormats& formats,
                             std::uint32_t activationGroup, const CpuWeights& weights,
                             CpuKvPool& kv, const CpuForward& fast, std::uint32_t threads)
    : m_config(config),
      m_formats(formats),
      m_weights(weights),
      m_kv(kv),
      m_fast(fast),
      m_slow(config, formats, kernels::kernelTable(kernels::InstructionSet::Scalar),
             activationGroup, weights, kv, threads) {}

Status CpuStageCheck::prepare(std::span<const ForwardRow> rows, std::span<const PageTable> tables,
                              CpuWorkers& workers) {
    const auto count = static_cast<std::uint32_t>(rows.size());
    const std::uint32_t chosen = std::min(count, kMostRows);
    for (std::uint32_t i = 0; i < chosen; ++i) {
        const std::uint32_t row = chosen == 1 ? 0 : i * (count - 1) / (chosen - 1);
        m_chosen.push_back({row, i});
        m_rows.push_back(rows[row]);
    }
    m_pairs = m_chosen;
    m_tables = tables;
    m_page.resize(m_kv.layout().layerBytes());
    m_slow.plan(kMostRows, m_fast.context());
    INGLENOOK_TRY(m_slow.allocate(workers));
    m_slow.begin(m_rows, m_tables);
    return {};
}

bool CpuStageCheck::isChecked(CpuStage stage, std::uint32_t layer) const {
    const bool outside = stage == CpuStage::Embed || stage == CpuStage::Head;
    const bool chosen =
        layer == 0 || layer == m_config.layerCount / 2 || layer + 1 == m_config.layerCount;
    return outside || (stage != CpuStage::Sample && chosen);
}

/// Float matrices beside int8 activations read the rounded values, which lie where the exact ones
/// were.
bool CpuStageCheck::roundsFloatInput() const {
    return m_formats.activations == ActivationFormat::Int8 && m_weights.hasFloatMatrices();
}

std::size_t CpuStageCheck::stride(Buffer buffer, std::size_t width) const {
    return buffer == &CpuWorkspace::input ? m_fast.workspace().inputStride : width;
}

/// The rows of a buffer as the fast pass has them now.
void CpuStageCheck::fetch(Buffer buffer, std::size_t width) {
    const std::size_t step = stride(buffer, width);
    for (const RowPair& pair : m_pairs)
        std::memcpy(m_slow.workspace().*buffer + pair.slow * step,
                    m_fast.workspace().*buffer + pair.fast * step, width * sizeof(float));
}

/// The input of a product behind a norm, in all forms that it may be read in.
void CpuStageCheck::fetchRoundedInput() {
    fetch(&CpuWorkspace::input, m_config.hiddenSize);
    if (m_formats.activations != ActivationFormat::Int8)
        return;
    kernels::Int8Rows from = m_fast.workspace().input8;
    kernels::Int8Rows to = m_slow.workspace().input8;
    from.columns = m_config.hiddenSize;
    const std::size_t columns = from.paddedColumns();
    const std::size_t groups = from.groups();
    for (const RowPair& pair : m_pairs) {
        std::copy_n(from.values + pair.fast * columns, columns, to.values + pair.slow * columns);
        std::copy_n(from.scales + pair.fast * groups, groups, to.scales + pair.slow * groups);
        std::copy_n(from.corrections + pair.fast * groups, groups,
                    to.corrections + pair.slow * groups);
    }
}

void CpuStageCheck::before(CpuStage stage, std::uint32_t layer) {
    if (!isChecked(stage, layer))
        return;
    switch (stage) {
    case CpuStage::Attention:
        fetch(&CpuWorkspace::query, m_config.queryWidth());
        break;
    case CpuStage::AttentionOutput:
    case CpuStage::Down:
        fetch(&CpuWorkspace::input, m_fast.workspace().inputStride);
        [[fallthrough]];
    default:
        fetch(&CpuWorkspace::residual, m_config.hiddenSize);
    }
}

void CpuStageCheck::inputReady(CpuStage stage, std::uint32_t layer) {
    if (!isChecked(stage, layer))
        return;
    if (stage == CpuStage::Qkv)
        m_slow.qkvInput(layer);
    else if (stage == CpuStage::GateUp)
        m_slow.gateUpInput(layer);
    else
        findHeadRows();
    if (!roundsFloatInput())
        compare(stage, &CpuWorkspace::input, m_config.hiddenSize);
    fetchRoundedInput();
}

/// Of the rows whose logits the fast pass computes now, those that were chosen.
void CpuStageCheck::findHeadRows() {
    const std::span<const std::uint32_t> computed = m_fast.headRows();
    std::vector<std::uint32_t> wanted; // rows of m_slow
    m_pairs.clear();
    for (const RowPair& chosen : m_chosen) {
        const auto at = std::find(computed.begin(), computed.end(), chosen.fast);
        if (at == computed.end())
            continue;
        m_pairs.push_back({static_cast<std::uint32_t>(at - computed.begin()),
                           static_cast<std::uint32_t>(wanted.size())});
        wanted.push_back(chosen.slow);
    }
    m_slow.headInput(wanted);
}

void CpuStageCheck::after(CpuStage stage, std::uint32_t layer, const StageCost&) {
    if (!isChecked(stage, layer))
        return;
    m_seen[static_cast<std::size_t>(stage)] = true;
    switch (stage) {
    case CpuStage::Embed:
        m_slow.embed();
        compare(stage, &CpuWorkspace::residual, m_config.hiddenSize);
        break;
    case CpuStage::Qkv:
        m_slow.qkv(layer);
        compare(stage, &CpuWorkspace::query, m_config.queryWidth());
        compare(stage, &CpuWorkspace::key, m_config.kvWidth());
        compare(stage, &CpuWorkspace::value, m_config.kvWidth());
        compareStored(layer);
        break;
    case CpuStage::Attention:
        m_slow.attend(layer);
        compare(stage, &CpuWorkspace::input, m_config.queryWidth());
        break;
    case CpuStage::AttentionOutput:
        m_slow.attentionOutput(layer);
        compare(stage, &CpuWorkspace::delta, m_config.hiddenSize);
        compare(stage, &CpuWorkspace::residual, m_config.hiddenSize);
        break;
    case CpuStage::GateUp:
        m_slow.gateUp(layer);
        if (!m_config.plainMlp)
            compare(stage, &CpuWorkspace::gate, m_config.intermediateSize);
        compare(stage, &CpuWorkspace::up, m_config.intermediateSize);
        if (!roundsFloatInput())
            compare(stage, &CpuWorkspace::input, m_config.intermediateSize);
        break;
    case CpuStage::Down:
        for (const RowPair& chosen : m_chosen)
            m_slow.prepareInput(chosen.slow, m_config.intermediateSize);
        m_slow.down(layer);
        compare(stage, &CpuWorkspace::delta, m_config.hiddenSize);
        compare(stage, &CpuWorkspace::residual, m_config.hiddenSize);
        break;
    case CpuStage::Head:
        m_slow.head();
        compare(stage, &CpuWorkspace::logits, m_config.vocabularySize);
        m_pairs = m_chosen;
        break;
    case CpuStage::Sample:
        break;
    }
}

void CpuStageCheck::compare(CpuStage stage, Buffer buffer, std::size_t width) {
    const std::size_t step = stride(buffer, width);
    for (const RowPair& pair : m_pairs)
        compareRow(stage, m_fast.workspace().*buffer + pair.fast * step,
                   m_slow.workspace().*buffer + pair.slow * step, width);
}

void CpuStageCheck::compareRow(CpuStage stage, const float* fast, const float* slow,
                               std::size_t width) {
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < width; ++i) {
        const double rest = static_cast<double>(fast[i]) - slow[i];
        difference += rest * rest;
        norm += static_cast<double>(slow[i]) * slow[i];
    }
    double error = difference == 0 ? 0 : std::sqrt(difference / norm);
    if (!std::isfinite(error))
        error = std::numeric_limits<double>::infinity();
    double& worst = m_worst[static_cast<std::size_t>(stage)];
    worst = std::max(worst, error);
}

/// What the pages hold against what the scalar kernel stores of the same keys and values.
void CpuStageCheck::compareStored(std::uint32_t layer) {
    const kernels::KvLayout& layout = m_kv.layout();
    const kernels::KernelTable& scalar = kernels::kernelTable(kernels::InstructionSet::Scalar);
    for (const RowPair& chosen : m_chosen) {
        const ForwardRow& row = m_rows[chosen.slow];
        const PageId id = m_tables[row.table].pages[row.position / kPageTokens];
        const std::byte* page = m_kv.layerBase(layer) + m_kv.pageBytes() * id;
        std::memcpy(m_page.data(), page, m_page.size());
        for (std::uint32_t head = 0; head < layout.kvHeads; ++head) {
            const std::size_t at =
                std::size_t{chosen.fast} * m_config.kvWidth() + std::size_t{head} * layout.headDim;
            scalar.storeKv(layout, m_page.data(), head, row.position, m_fast.workspace().key + at,
                           m_fast.workspace().value + at);
        }
        // Everything but this position's bytes is the page itself, so that whole pages compare.
        if (std::memcmp(m_page.data(), page, m_page.size()) != 0)
            m_worst[static_cast<std::size_t>(CpuStage::Qkv)] =
                std::numeric_limits<double>::infinity();
    }
}

std::vector<StageError> CpuStageCheck::errors() const {
    std::vector<StageError> errors;
    for (std::size_t i = 0; i < kCpuStageCount; ++i) {
        const auto stage = static_cast<CpuStage>(i);
        const bool rounded =
            m_formats.activations == ActivationFormat::BF16 &&
            (stage == CpuStage::Qkv || stage == CpuStage::GateUp || stage == CpuStage::Head);
        if (m_seen[i])
            errors.push_back({name(stage), m_worst[i], rounded ? kRoundedLimit : kLimit});
    }
    return errors;
}

} // namespace engine
