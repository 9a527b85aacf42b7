#pragma once
// TensorTable: the tensors of a model that lies in one file or in several: found by name, read from
// where they lie.

#include "engine/model/file_reader.h"
#include "engine/model/tensor_source.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class TensorTable {
  public:
    /// The tensors that are added next lie in this file, behind its header.
    void addFile(std::shared_ptr<const FileReader> file, std::uint64_t header_bytes);
    /// `offset` from the start of that file [bytes].
    void add(TensorInfo info, std::uint64_t offset);
    /// Behind the last add(). A name that two of them have, or "".
    std::string sortByName();
    void drop(std::string_view name);

    const std::vector<TensorInfo>& tensors() const { return m_tensors; }
    const TensorInfo* find(std::string_view name) const; ///< nullptr: there is none
    /// InternalError for bytes that are not the tensor's.
    Status read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> out) const;
    std::uint64_t fileBytes() const; ///< of all files
    /// Over the headers and samples of all tensors, hex.
    Result<std::string> contentHash() const;

  private:
    struct File {
        std::shared_ptr<const FileReader> reader;
        std::uint64_t header_bytes = 0;
    };
    struct Place {
        std::size_t file = 0;
        std::uint64_t offset = 0; // in that file [bytes]
    };

    std::size_t indexOf(std::string_view name) const; // m_tensors.size() when absent

    std::vector<File> m_files;
    std::vector<TensorInfo> m_tensors;
    std::vector<Place> m_places;         // [tensors]
    std::vector<std::uint32_t> m_byName; // indices of m_tensors, sorted by name
};

} // namespace engine
