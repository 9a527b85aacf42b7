#pragma once
// CpuWeights: a model's weights in the tile layout of kernels/cpu_kernels.h, in one arena.

#include "engine/device/cpu_arena.h"
#include "engine/device/cpu_workers.h"
#include "engine/device/executor.h"
#include "kernels/cpu_kernels.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace engine {

/// One layer. Pointers to vectors are nullptr where the model has none.
struct CpuLayer {
    float* attentionNorm = nullptr; // [hidden]
    float* attentionNormBias = nullptr;
    kernels::PackedMatrix query;  // [queryWidth][hidden]
    kernels::PackedMatrix key;    // [kvWidth][hidden]
    kernels::PackedMatrix value;  // [kvWidth][hidden]
    float* queryBias = nullptr;   // [queryWidth]
    float* keyBias = nullptr;     // [kvWidth]
    float* valueBias = nullptr;   // [kvWidth]
    float* queryNorm = nullptr;   // [headDim]
    float* keyNorm = nullptr;     // [headDim]
    kernels::PackedMatrix output; // [hidden][queryWidth]
    float* outputBias = nullptr;  // [hidden]
    float* ffnNorm = nullptr;     // [hidden]
    float* ffnNormBias = nullptr;
    kernels::PackedMatrix gate; // [intermediate][hidden]
    kernels::PackedMatrix up;   // [intermediate][hidden]
    float* upBias = nullptr;    // [intermediate]
    kernels::PackedMatrix down; // [hidden][intermediate]
    float* downBias = nullptr;  // [hidden]
};

/// Values, scales and minima of a matrix.
std::uint64_t packedBytes(const kernels::PackedMatrix& matrix);

class CpuWeights {
  public:
    /// Finds all tensors, checks shapes, decides formats; nothing is allocated. TensorMissing or
    /// TensorShapeWrong name the tensor. The source must outlive the call only.
    Status plan(const ModelConfig& config, const TensorSource& source, WeightFormat requested);
    std::uint64_t plannedBytes();
    /// Loads what plan() found: converts and packs in row chunks on all workers.
    Status load(const TensorSource& source, CpuWorkers& workers, const LoadProgress& progress,
                const std::atomic<bool>& stop);
    void release();

    std::uint64_t allocatedBytes() const { return m_arena.allocatedBytes(); }
    /// What one step reads: all layers and norms; the head only where rows want output.
    std::uint64_t layerBytes() const { return m_layerBytes; }
    std::uint64_t headBytes() const;
    /// Some matrix takes float activations even when activations are int8.
    bool hasFloatMatrices() const { return m_hasFloatMatrices; }

    kernels::PackedMatrix embedding; // [vocabulary][hidden]
    kernels::PackedMatrix head;      // [vocabulary][hidden]; the embedding's memory when tied
    float* positions = nullptr;      // [contextLength][hidden], where they are learned
    float* outputNorm = nullptr;
    float* outputNormBias = nullptr;
    std::vector<CpuLayer> layers;

  private:
    struct MatrixSlot {
        std::string tensor;
        kernels::PackedMatrix* target;
    };
    struct VectorSlot {
        std::string tensor;
        float** target;
        std::uint64_t length;
    };

    Status addMatrix(const TensorSource& source, std::string tensor, std::uint32_t rows,
                     std::uint32_t columns, WeightFormat requested, kernels::PackedMatrix* target);
    Status addVector(const TensorSource& source, std::string tensor, std::uint64_t length,
                     float** target, std::uint64_t rows = 1);
    Status addLayer(const ModelConfig& config, const TensorSource& source, std::uint32_t index,
                    WeightFormat requested);
    void layOut(CpuArena& arena);
    Status loadMatrixSlot(const TensorSource& source, const MatrixSlot& slot, CpuWorkers& workers,
                          const std::atomic<bool>& stop);
    Status loadAll(const TensorSource& source, CpuWorkers& workers, const LoadProgress& progress,
                   const std::atomic<bool>& stop);

    std::string m_modelName;
    bool m_tied = false;
    bool m_hasFloatMatrices = false;
    std::uint64_t m_layerBytes = 0;
    std::vector<MatrixSlot> m_matrices;
    std::vector<VectorSlot> m_vectors;
    CpuArena m_arena;
};

} // namespace engine
