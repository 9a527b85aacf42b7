#pragma once
// Every variant of the Hopper GEMMs behind one launcher, and rows as each of them takes them, for
// inglenook_gemm_check.
#include "tests/bench/gemm_bed.cuh"

#include <string>
#include <vector>

namespace tests {

/// How a variant takes its rows.
enum class Operand { Bf16, Int8, Digits };

/// Random rows, and the same in every form.
struct Inputs {
    float* x = nullptr;       // [tokens][stride]
    std::uint32_t stride = 0; // floats
    PreparedRows prepared;
    Int8Rows rows8;
    DigitRows digits;
};
/// `uneven`: with groups of columns that are zero, tiny or large.
Inputs makeInputs(std::uint32_t tokens, std::uint32_t columns, std::uint64_t seed,
                  bool uneven = false);
void freeInputs(const Inputs& in);

struct Variant {
    std::string name;
    WeightKind kind;
    Operand operand;
    std::uint32_t mostTokens; // where it makes sense to time it
    std::uint32_t share;      // blocks that fetch tokens together
    /// `splits`: blocks that share K.
    cudaError_t (*launch)(const TensorProduct& product, const Inputs& in, std::uint32_t splits,
                          cudaStream_t stream);

    bool is(const char* word) const { return name.find(word) != std::string::npos; }
};
/// Those whose names hold `filter`.
std::vector<Variant> variants(const std::string& filter);

/// Clusters of two blocks that the device runs at once.
std::uint32_t pairsAtOnce();

/// Microseconds of whole prompts' products, printed.
void timePrefill(const std::vector<Variant>& variants);
/// The same of `tokens` rows of decoding; 0 for as many as a variant's tile has.
void timeBatches(const std::vector<Variant>& variants, std::uint32_t tokens);

} // namespace tests
