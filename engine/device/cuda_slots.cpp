#include "engine/device/cuda_slots.h"

#include "engine/device/cuda_device.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_wait.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace engine {

using kernels::cuda::kMostBiases;
using kernels::cuda::SlotState;
using kernels::cuda::TokenBias;

void CudaSlots::plan(std::uint32_t slotCount, std::uint32_t vocabulary) {
    m_count = slotCount;
    m_vocabulary = vocabulary;
}

void CudaSlots::layOut(CudaArena& arena) {
    const std::uint64_t slots = m_count;
    m_states = arena.take<SlotState>(slots);
    m_counts = arena.take<std::uint32_t>(slots * m_vocabulary);
    m_masks = arena.take<std::uint32_t>(slots * ((m_vocabulary + 31) / 32));
    m_biases = arena.take<TokenBias>(slots * kMostBiases);
    m_lastTokens = arena.take<std::int32_t>(slots);
}

std::uint64_t CudaSlots::plannedBytes() {
    CudaArena counter;
    layOut(counter);
    return counter.countedBytes();
}

Status CudaSlots::allocate(const std::string& device) {
    m_device = device;
    INGLENOOK_TRY(m_arena.allocate(plannedBytes(), device));
    layOut(m_arena);
    // Page-locked: a sequence joins while steps run, and no copy may wait for them.
    INGLENOOK_CUDA_TRY(allocatePinned(m_host, std::max(1U, m_count)), device);
    std::uninitialized_value_construct_n(m_host, m_count);
    if (m_vocabulary == 0)
        return {};
    return cudaStatus(m_copies.allocate(m_vocabulary * sizeof(std::uint32_t)), device);
}

void CudaSlots::release() {
    m_arena.release();
    m_copies.release();
    freePinned(std::exchange(m_host, nullptr));
    m_count = 0;
}

Status CudaSlots::upload(SlotId slot, cudaStream_t stream) {
    // A slot's state changes again when its sequence has ended: the copy has left long before.
    return cudaStatus(cudaMemcpyAsync(m_states + slot, &m_host[slot], sizeof(SlotState),
                                      cudaMemcpyHostToDevice, stream),
                      m_device);
}

Status CudaSlots::set(SlotId slot, const SamplerSpec& spec, cudaStream_t stream,
                      CudaDeadline deadline) {
    if (spec.logitBias.size() > kMostBiases)
        return Status(Code::OptionInvalid,
                      {{"option", "logit bias"},
                       {"value", "for " + std::to_string(spec.logitBias.size()) + " tokens"},
                       {"expected", "at most " + std::to_string(kMostBiases) + " tokens"}});
    SlotState& state = m_host[slot];
    state = {};
    state.temperature = spec.temperature;
    state.topK = spec.topK;
    state.topP = spec.topP;
    state.minP = spec.minP;
    state.repetitionPenalty = spec.repetitionPenalty;
    state.presencePenalty = spec.presencePenalty;
    state.frequencyPenalty = spec.frequencyPenalty;
    state.seed = spec.seed;
    state.sampleNumber = spec.sampleNumber;
    state.biasCount = static_cast<std::uint32_t>(spec.logitBias.size());
    state.penalizes = spec.repetitionPenalty != 1.0F || spec.presencePenalty != 0.0F ||
                      spec.frequencyPenalty != 0.0F;
    if (!spec.logitBias.empty()) {
        std::vector<TokenBias> biases;
        for (const auto& [token, bias] : spec.logitBias)
            biases.push_back({token, bias});
        INGLENOOK_CUDA_TRY(cudaMemcpyAsync(m_biases + std::size_t{slot} * kMostBiases,
                                           biases.data(), biases.size() * sizeof(TokenBias),
                                           cudaMemcpyHostToDevice, stream),
                           m_device);
    }
    if (state.penalizes != 0) {
        std::byte* buffer = nullptr;
        INGLENOOK_CUDA_TRY(m_copies.next(buffer, deadline), m_device);
        auto* counts = reinterpret_cast<std::uint32_t*>(buffer);
        std::fill_n(counts, m_vocabulary, 0U);
        for (const TokenId token : spec.seenTokens)
            if (token >= 0 && static_cast<std::uint32_t>(token) < m_vocabulary)
                ++counts[static_cast<std::size_t>(token)];
        INGLENOOK_CUDA_TRY(m_copies.send(m_counts + std::size_t{slot} * m_vocabulary,
                                         m_vocabulary * sizeof(std::uint32_t), stream),
                           m_device);
    }
    INGLENOOK_CUDA_TRY(cudaMemsetAsync(m_lastTokens + slot, 0xFF, sizeof(std::int32_t), stream),
                       m_device); // kNoToken
    return upload(slot, stream);
}

Status CudaSlots::setMask(SlotId slot, std::span<const std::uint32_t> allowedBits,
                          cudaStream_t stream) {
    const std::size_t words = (std::size_t{m_vocabulary} + 31) / 32;
    m_host[slot].masked = allowedBits.empty() ? 0 : 1;
    if (!allowedBits.empty())
        INGLENOOK_CUDA_TRY(cudaMemcpyAsync(m_masks + slot * words, allowedBits.data(),
                                           words * sizeof(std::uint32_t), cudaMemcpyHostToDevice,
                                           stream),
                           m_device);
    return upload(slot, stream);
}

void CudaSlots::describe(kernels::cuda::Sampling& task) const {
    task.vocabulary = m_vocabulary;
    task.slots = m_states;
    task.counts = m_counts;
    task.masks = m_masks;
    task.biases = m_biases;
    task.lastTokens = m_lastTokens;
}

} // namespace engine
