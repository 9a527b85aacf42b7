#pragma once
// GgufFile: an opened GGUF model as a TensorSource. A model in several files
// ("-00001-of-00003.gguf", key split.count) is opened by any of its parts; all parts must lie
// beside it.

#include "engine/model/gguf_parser.h"
#include "engine/model/tensor_table.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace engine {

class GgufFile : public TensorSource {
  public:
    /// ModelPartMissing for incomplete sets; else what parseGguf() says.
    static Result<std::shared_ptr<const GgufFile>> open(const std::filesystem::path& path);

    /// Metadata of the model: that of the first part.
    const GgufHeader& header() const { return m_parts.front(); }
    std::uint64_t fileBytes() const { return m_table.fileBytes(); } ///< of all parts

    const std::vector<TensorInfo>& tensors() const override { return m_table.tensors(); }
    const TensorInfo* find(std::string_view name) const override { return m_table.find(name); }
    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override {
        return m_table.read(tensor, offset, out);
    }
    std::string fileName() const override { return m_parts.front().file->name(); }
    std::string contentHash() const override { return m_contentHash; }

  private:
    Status indexTensors();

    std::vector<GgufHeader> m_parts; // their tensor tables are moved into the next member
    TensorTable m_table;
    std::string m_contentHash;
};

} // namespace engine
