#pragma once
// CudaWeights: a model's weights on one GPU, in the row-major formats of engine/model/quantize.h,
// columns padded to 128; of a model that several GPUs share, this GPU's part. Part of
// libinglenook_cuda.so.

#include "engine/device/cpu_workers.h"
#include "engine/device/cuda_arena.h"
#include "engine/device/executor.h"
#include "engine/device/parallel_plan.h"
#include "engine/model/quantize.h"
#include "kernels/cuda_kernels.h"

#include <span>
#include <string>
#include <vector>

namespace engine {

/// One layer. Pointers to vectors are nullptr where the model has none.
struct CudaLayer {
    float* attentionNorm = nullptr; // [hidden]
    float* attentionNormBias = nullptr;
    kernels::cuda::Matrix query;  // [queryWidth][hidden]
    kernels::cuda::Matrix key;    // [kvWidth][hidden]
    kernels::cuda::Matrix value;  // [kvWidth][hidden]
    float* queryBias = nullptr;   // [queryWidth]
    float* keyBias = nullptr;     // [kvWidth]
    float* valueBias = nullptr;   // [kvWidth]
    float* queryNorm = nullptr;   // [headDim]
    float* keyNorm = nullptr;     // [headDim]
    kernels::cuda::Matrix output; // [hidden][queryWidth]
    float* outputBias = nullptr;  // [hidden]
    float* ffnNorm = nullptr;     // [hidden]
    float* ffnNormBias = nullptr;
    kernels::cuda::Matrix gate; // [intermediate][hidden]
    kernels::cuda::Matrix up;   // [intermediate][hidden]
    float* upBias = nullptr;    // [intermediate]
    kernels::cuda::Matrix down; // [hidden][intermediate]
    float* downBias = nullptr;  // [hidden]
};

class CudaWeights {
  public:
    /// Finds all tensors, checks shapes, decides formats; nothing is allocated. TensorMissing or
    /// TensorShapeWrong name the tensor. `share`: the part of this GPU, nullptr = everything; cuts
    /// keep the weights' bits.
    Status plan(const ModelConfig& config, const TensorSource& source, WeightFormat requested,
                const RankShare* share = nullptr);
    /// This GPU's stretch of the layers: `config` is the whole model's, `layers` holds the stretch.
    Status plan(const ModelConfig& config, const TensorSource& source, WeightFormat requested,
                const LayerShare& stretch);
    std::uint64_t plannedBytes();
    /// Allocates on the device, then converts in row chunks on all workers and copies.
    Status load(const TensorSource& source, int device, const std::string& deviceName,
                CpuWorkers& workers, const LoadProgress& progress, const std::atomic<bool>& stop);
    /// The same for GPUs that share a model: every tensor is read and converted once.
    struct Target {
        CudaWeights* weights;
        int device;
        std::string deviceName;
    };
    static Status loadAll(const TensorSource& source, std::span<const Target> targets,
                          CpuWorkers& workers, const LoadProgress& progress,
                          const std::atomic<bool>& stop);
    void release();

    /// What one step reads: all layers and norms; the head only where rows want output.
    std::uint64_t layerBytes() const { return m_layerBytes; }
    std::uint64_t headBytes() const;
    /// Of the head's rows, where they are dealt out among GPUs.
    std::uint32_t firstToken() const { return m_firstToken; }
    /// Values, scales and minima.
    static std::uint64_t bytesOf(const kernels::cuda::Matrix& matrix);

    kernels::cuda::Matrix embedding; // [vocabulary][hidden]
    kernels::cuda::Matrix head;      // [vocabulary][hidden] or this GPU's rows of it; the
                                     // embedding's memory when tied
    float* positions = nullptr;      // [contextLength][hidden], where they are learned
    float* outputNorm = nullptr;
    float* outputNormBias = nullptr;
    std::vector<CudaLayer> layers;

  private:
    /// Which rows and columns of a tensor this GPU holds.
    struct Cut {
        std::uint32_t firstRow = 0;
        std::uint32_t rows = 0;
        std::uint32_t firstColumn = 0;
        std::uint32_t columns = 0;
        bool zero = false; // holds zeros: another GPU has the same part
    };
    struct MatrixSlot {
        std::string tensor;
        MatrixFormat format; // of the whole tensor; the part may have smaller groups
        kernels::cuda::Matrix* target;
        Cut cut;
    };
    struct VectorSlot {
        std::string tensor;
        float** target;
        std::uint64_t first;
        std::uint64_t length;
    };

    Status addMatrix(const TensorSource& source, std::string tensor, std::uint32_t rows,
                     std::uint32_t columns, const Cut& cut, WeightFormat requested,
                     kernels::cuda::Matrix* target);
    Status addVector(const TensorSource& source, std::string tensor, std::uint64_t length,
                     std::uint64_t first, std::uint64_t count, float** target);
    Status addLayer(const ModelConfig& config, const TensorSource& source, std::uint32_t index,
                    WeightFormat requested, const RankShare& share);
    Status planPart(const ModelConfig& config, const TensorSource& source, WeightFormat requested,
                    const RankShare& share, const LayerShare& stretch);
    void layOut(CudaArena& arena);
    Status allocate(int device, const std::string& deviceName);
    Status loadVectors(const TensorSource& source, const std::string& deviceName);
    static Status loadSlot(const TensorSource& source, std::span<const Target> targets,
                           std::size_t index, CpuWorkers& workers, const std::atomic<bool>& stop);
    /// What the slot's cut holds of rows [first, first + rows.rows) goes to the current device.
    static cudaError_t copyCut(const MatrixSlot& slot, std::uint32_t first,
                               const QuantizedMatrix& rows);

    std::string m_modelName;
    bool m_tied = false; // the embedding's memory is the head's
    std::uint32_t m_firstLayer = 0;
    std::uint32_t m_firstToken = 0; // of the head's rows
    std::uint32_t m_tokens = 0;
    std::uint64_t m_layerBytes = 0;
    std::vector<MatrixSlot> m_matrices;
    std::vector<VectorSlot> m_vectors;
    CudaArena m_arena;
};

} // namespace engine
