#pragma once
// CudaWeights: a model's weights on one GPU, in the row-major formats of engine/model/quantize.h,
// columns padded to 128. Part of libinglenook_cuda.so.

#include "engine/device/cpu_workers.h"
#include "engine/device/cuda_arena.h"
#include "engine/device/executor.h"
#include "kernels/cuda_kernels.h"

#include <string>
#include <vector>

namespace engine {

/// One layer. Pointers to vectors are nullptr where the model has none.
struct CudaLayer {
    float* attentionNorm = nullptr; // [hidden]
    kernels::cuda::Matrix query;    // [queryWidth][hidden]
    kernels::cuda::Matrix key;      // [kvWidth][hidden]
    kernels::cuda::Matrix value;    // [kvWidth][hidden]
    float* queryBias = nullptr;     // [queryWidth]
    float* keyBias = nullptr;       // [kvWidth]
    float* valueBias = nullptr;     // [kvWidth]
    float* queryNorm = nullptr;     // [headDim]
    float* keyNorm = nullptr;       // [headDim]
    kernels::cuda::Matrix output;   // [hidden][queryWidth]
    float* ffnNorm = nullptr;       // [hidden]
    kernels::cuda::Matrix gate;     // [intermediate][hidden]
    kernels::cuda::Matrix up;       // [intermediate][hidden]
    kernels::cuda::Matrix down;     // [hidden][intermediate]
};

class CudaWeights {
  public:
    /// Finds all tensors, checks shapes, decides formats; nothing is allocated. TensorMissing or
    /// TensorShapeWrong name the tensor.
    Status plan(const ModelConfig& config, const TensorSource& source, WeightFormat requested);
    std::uint64_t plannedBytes();
    /// Converts in row chunks on all workers and copies to the current device.
    Status load(const TensorSource& source, int device, const std::string& deviceName,
                CpuWorkers& workers, const LoadProgress& progress, const std::atomic<bool>& stop);
    void release();

    /// What one step reads: all layers and norms; the head only where rows want output.
    std::uint64_t layerBytes() const { return m_layerBytes; }
    std::uint64_t headBytes() const;

    kernels::cuda::Matrix embedding; // [vocabulary][hidden]
    kernels::cuda::Matrix head;      // [vocabulary][hidden]; the embedding's memory when tied
    float* outputNorm = nullptr;
    std::vector<CudaLayer> layers;

  private:
    struct MatrixSlot {
        std::string tensor;
        kernels::cuda::Matrix* target;
    };
    struct VectorSlot {
        std::string tensor;
        float** target;
        std::uint64_t length;
    };

    Status addMatrix(const TensorSource& source, std::string tensor, std::uint32_t rows,
                     std::uint32_t columns, WeightFormat requested, kernels::cuda::Matrix* target);
    Status addVector(const TensorSource& source, std::string tensor, std::uint64_t length,
                     float** target);
    Status addLayer(const ModelConfig& config, const TensorSource& source, std::uint32_t index,
                    WeightFormat requested);
    void layOut(CudaArena& arena);
    Status loadVectors(const TensorSource& source, const std::string& deviceName);
    Status loadMatrixSlot(const TensorSource& source, const MatrixSlot& slot, int device,
                          const std::string& deviceName, CpuWorkers& workers,
                          const std::atomic<bool>& stop);

    std::string m_modelName;
    bool m_tied = false;
    std::uint64_t m_layerBytes = 0;
    std::vector<MatrixSlot> m_matrices;
    std::vector<VectorSlot> m_vectors;
    CudaArena m_arena;
};

} // namespace engine
