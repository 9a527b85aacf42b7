#pragma once
// ModelConfig: the hyperparameters of a model, whatever file it came from (GGUF metadata or
// config.json), validated: no zero heads, no wrapped sizes, every id inside the vocabulary.

#include "engine/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

/// Families the engine computes. deepseek2 (MLA + mixture of experts) gets its place here.
enum class Architecture { Llama, Qwen2, Qwen3, Gpt2 };
std::string_view architectureName(Architecture architecture); // "llama", "qwen2", "qwen3", "gpt2"

/// Which two elements of a head RoPE turns together.
enum class RopePairing {
    Adjacent, ///< (0,1) (2,3) ...: GGUF llama files
    Halves,   ///< (i, i + rotaryDim/2): Hugging Face llama, qwen2, qwen3
};

enum class RopeScalingKind { None, Linear, Llama3, Yarn };

/// Frequency scaling. Sources: transformers modeling_rope_utils (linear, llama3, yarn), GGUF keys
/// rope.scaling.*
struct RopeScaling {
    RopeScalingKind kind = RopeScalingKind::None;
    double factor = 1.0;
    double lowFrequencyFactor = 1.0;      // llama3
    double highFrequencyFactor = 4.0;     // llama3
    std::uint32_t originalContext = 0;    // llama3, yarn [tokens]
    double attentionFactor = 0.0;         // yarn; 0 = derive 0.1 ln(factor) + 1
    double betaFast = 32.0;               // yarn
    double betaSlow = 1.0;                // yarn
    std::vector<float> frequencyDivisors; // [rotaryDim / 2] GGUF's rope_freqs tensor; empty = none
};

struct ModelConfig {
    Architecture architecture = Architecture::Llama;
    std::string name;                 // general.name or the folder's name
    std::uint32_t vocabularySize = 0; // rows of the embedding
    std::uint32_t hiddenSize = 0;
    std::uint32_t layerCount = 0;
    std::uint32_t headCount = 0;   // query heads
    std::uint32_t kvHeadCount = 0; // divides headCount
    std::uint32_t headDim = 0;     // even; apart from hiddenSize / headCount
    std::uint32_t intermediateSize = 0;
    std::uint32_t contextLength = 0; // tokens the model was trained for
    float normEps = 1e-5F;
    double ropeTheta = 10000.0;
    std::uint32_t rotaryDim = 0; // even, <= headDim; 0 with learned positions
    RopePairing ropePairing = RopePairing::Halves;
    RopeScaling ropeScaling;
    bool qkvBias = false;
    bool qkNorm = false;         // RMSNorm over head_dim of q and k (qwen3)
    bool tiedEmbeddings = false; // the head is token_embd
    // gpt2 against the others:
    bool layerNorm = false;        // LayerNorm with bias instead of RMSNorm
    bool learnedPositions = false; // added to the embedding instead of RoPE; contextLength of them
    bool plainMlp = false;         // gelu(up x) instead of silu(gate x) * (up x)
    bool projectionBias = false;   // of the attention's output and of the MLP
    std::uint64_t parameterCount = 0;

    std::uint32_t queryWidth() const { return headCount * headDim; }
    std::uint32_t kvWidth() const { return kvHeadCount * headDim; }
    /// Keys are cached without their bias. A norm after it cannot be split
    /// off: such keys are cached whole. Without rotation it adds the same to every score of a
    /// query, which a softmax does not see: it is left out everywhere.
    bool keyBiasOutside() const { return qkvBias && !qkNorm && !learnedPositions; }
    /// The longest sequence of a plan for `context` tokens.
    std::uint32_t usableContext(std::uint32_t context) const {
        return learnedPositions && context > contextLength ? contextLength : context;
    }
};

/// Checks what must hold whatever the file said; the sentence names the field.
Status validate(const ModelConfig& config);

/// cos and sin of every position and pair, computed in double and rounded once: in floats, late
/// positions times theta have few digits left.
struct RopeTable {
    std::uint32_t positions = 0;
    std::uint32_t pairs = 0;     // rotaryDim / 2
    std::vector<float> cosine;   // [positions, pairs]
    std::vector<float> sine;     // [positions, pairs]
    float attentionScale = 1.0F; // yarn: multiplies cosine and sine already; kept for information
};
/// Inverse frequencies [rotaryDim / 2] after scaling, and yarn's attention factor.
std::vector<double> ropeInverseFrequencies(const ModelConfig& config, double* attentionFactor);
RopeTable makeRopeTable(const ModelConfig& config, std::uint32_t positions);

} // namespace engine
