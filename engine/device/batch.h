#pragma once
// Batch and BatchResult: one step's work for a device, as flat values. Part of the executor
// contract.

#include "engine/status.h"
#include "engine/text/vocabulary.h"

#include <cstdint>
#include <vector>

namespace engine {

/// Opaque id of one KV page of kPageTokens tokens, all layers. Bytes and layout belong to the
/// device.
using PageId = std::uint32_t;
constexpr std::uint32_t kPageTokens = 32;
constexpr PageId kPaddingPage = 0; // reserved: padding rows write here, nobody reads it

/// A slot holds one sequence's sampler state on the device.
using SlotId = std::uint32_t;
constexpr SlotId kNoSlot = 0xFFFFFFFFU;

/// Token of a row whose input is what its slot sampled last (the host has not seen it yet).
constexpr TokenId kLastSampled = -2;

/// What a row asks back.
enum class Want : std::uint8_t {
    Nothing,     ///< its KV only
    Token,       ///< sample the slot's next token
    TopLogprobs, ///< sample, and return Batch::topCount log-probabilities
    FullLogits,  ///< return all logits; samples too when the row has a slot
};

struct BatchRow {
    std::uint32_t table = 0; ///< index into Batch::tables: which sequence's pages
    SlotId slot = kNoSlot;
    std::uint32_t position = 0; ///< position in the sequence, also of its KV
    TokenId token = kNoToken;   ///< or kLastSampled
    Want want = Want::Nothing;
};

/// The pages of one sequence, in order: position p lives in pages[p / kPageTokens].
struct PageTable {
    std::vector<PageId> pages;
};

/// Rows of one sequence are adjacent and their positions ascend by one. Several rows of a sequence
/// may want output. Every row attends to positions [0, own position] of its table.
struct Batch {
    std::vector<BatchRow> rows;
    std::vector<PageTable> tables;
    std::uint32_t topCount = 0; ///< for Want::TopLogprobs
    bool reproducible = false;  ///< one request, never beside others: equal bits in every run
};

struct TokenLogprob {
    TokenId token = kNoToken;
    float logprob = 0; ///< natural log, before temperature and filters
};

/// Answer to one row that wanted something; in the order of the rows.
struct RowResult {
    std::uint32_t row = 0;                 ///< index into Batch::rows
    TokenId token = kNoToken;              ///< sampled id
    float logprob = 0;                     ///< of `token`, for TopLogprobs and FullLogits
    std::vector<TokenLogprob> topLogprobs; ///< best first
    std::vector<float> logits;             ///< [vocabularySize], raw
};

/// Measured by the device for one step. Durations in nanoseconds, 0 = not measured.
struct StepTimings {
    std::int64_t total_ns = 0;
    std::int64_t device_ns = 0;    ///< from its first to its last command, by the device's clock
    std::int64_t idle_ns = 0;      ///< what that device had waited for it; with device_ns
    std::uint32_t prefillRows = 0; ///< rows that wanted nothing or were not a sequence's only row
    std::uint32_t decodeRows = 0;
    std::uint64_t weightBytes = 0; ///< read in this step
    std::uint64_t kvBytes = 0;
};

struct BatchResult {
    Status status;
    std::vector<RowResult> rows;
    StepTimings timings;
};

} // namespace engine
