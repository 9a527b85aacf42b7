#pragma once
// SafetensorsModel: the weights of a Hugging Face folder as a TensorSource, one or many files
// (model.safetensors, or the files that model.safetensors.index.json names). Tensor names are
// mapped to the canonical ones; names without a counterpart stay as they are.

#include "engine/model/safetensors_header.h"
#include "engine/model/tensor_table.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace engine {

/// "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight"; "" for tensors that hold
/// nothing a model needs (rotary_emb.inv_freq).
std::string canonicalTensorName(std::string_view name);

class SafetensorsModel : public TensorSource {
  public:
    static Result<std::shared_ptr<SafetensorsModel>> open(const std::filesystem::path& folder);

    std::uint64_t fileBytes() const { return m_table.fileBytes(); } ///< of all parts
    /// Forgets the tensor of that name: a head that the configuration says is tied.
    void drop(std::string_view name) { m_table.drop(name); }

    const std::vector<TensorInfo>& tensors() const override { return m_table.tensors(); }
    const TensorInfo* find(std::string_view name) const override { return m_table.find(name); }
    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override {
        return m_table.read(tensor, offset, out);
    }
    std::string fileName() const override { return m_folder; }
    std::string contentHash() const override { return m_contentHash; }

  private:
    void addPart(SafetensorsHeader part);
    Status indexTensors();

    std::string m_folder;
    TensorTable m_table;
    std::string m_contentHash;
};

/// One array of any safetensors file, for reference data: integers or floats, as the file holds it.
struct SafetensorsArray {
    std::vector<std::uint64_t> shape;
    std::vector<std::int32_t> ints; // dtype I32
    std::vector<float> floats;      // dtype F32
};
/// TensorMissing when there is no such array, ModelUnsupported for other types.
Result<SafetensorsArray> readSafetensorsArray(const std::filesystem::path& path,
                                              std::string_view name);

} // namespace engine
