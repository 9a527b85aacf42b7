#pragma once
// Gpt2Tensors: the tensors of a gpt2 file as every other family names and lays them out. The files
// hold query, key and value as one tensor ("attn_qkv"), and those of Hugging Face hold the matrices
// of layers as [inputs][outputs] (their Conv1D), which is the transpose of what TensorSource says.
// Nothing is copied: rows are read, or gathered, from the file when they are asked for.

#include "engine/model/tensor_source.h"

#include <memory>
#include <string>
#include <vector>

namespace engine {

class Gpt2Tensors final : public TensorSource {
  public:
    enum class Layout {
        RowMajor, ///< GGUF
        Conv1D,   ///< Hugging Face: matrices of layers transposed, never of block types
    };
    Gpt2Tensors(std::shared_ptr<const TensorSource> file, Layout layout);

    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    const TensorInfo* find(std::string_view name) const override;
    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override;
    std::string fileName() const override { return m_file->fileName(); }
    std::string contentHash() const override { return m_file->contentHash(); }

  private:
    /// Where a tensor's rows are: rows from firstRow on, or, transposed, columns from there on.
    struct View {
        std::string stored;
        std::uint64_t firstRow = 0;
        bool transposed = false;
    };

    void add(const TensorInfo& stored, Layout layout);
    Status gather(const TensorInfo& stored, const View& view, const TensorInfo& tensor,
                  std::uint64_t offset, std::span<std::byte> out) const;

    std::shared_ptr<const TensorSource> m_file;
    std::vector<TensorInfo> m_tensors;
    std::vector<View> m_views; // of each tensor
};

} // namespace engine
