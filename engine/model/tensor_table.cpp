#include "engine/model/tensor_table.h"

#include "engine/model/content_hash.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace engine {

void TensorTable::addFile(std::shared_ptr<const FileReader> file, std::uint64_t header_bytes) {
    m_files.push_back({std::move(file), header_bytes});
}

void TensorTable::add(TensorInfo info, std::uint64_t offset) {
    m_places.push_back({m_files.size() - 1, offset});
    m_tensors.push_back(std::move(info));
}

std::string TensorTable::sortByName() {
    m_byName.resize(m_tensors.size());
    std::iota(m_byName.begin(), m_byName.end(), 0U);
    std::sort(m_byName.begin(), m_byName.end(), [this](std::uint32_t a, std::uint32_t b) {
        return m_tensors[a].name < m_tensors[b].name;
    });
    const auto twice = std::adjacent_find(m_byName.begin(), m_byName.end(),
                                          [this](std::uint32_t a, std::uint32_t b) {
                                              return m_tensors[a].name == m_tensors[b].name;
                                          });
    return twice == m_byName.end() ? std::string() : m_tensors[*twice].name;
}

void TensorTable::drop(std::string_view name) {
    const std::size_t index = indexOf(name);
    if (index == m_tensors.size())
        return;
    m_tensors.erase(m_tensors.begin() + static_cast<std::ptrdiff_t>(index));
    m_places.erase(m_places.begin() + static_cast<std::ptrdiff_t>(index));
    std::erase(m_byName, static_cast<std::uint32_t>(index));
    for (std::uint32_t& other : m_byName)
        other -= other > index ? 1 : 0;
}

std::size_t TensorTable::indexOf(std::string_view name) const {
    const auto found = std::lower_bound(
        m_byName.begin(), m_byName.end(), name,
        [this](std::uint32_t index, std::string_view n) { return m_tensors[index].name < n; });
    return found != m_byName.end() && m_tensors[*found].name == name ? *found : m_tensors.size();
}

const TensorInfo* TensorTable::find(std::string_view name) const {
    const std::size_t index = indexOf(name);
    return index < m_tensors.size() ? &m_tensors[index] : nullptr;
}

Status TensorTable::read(const TensorInfo& tensor, std::uint64_t offset,
                         std::span<std::byte> out) const {
    const std::size_t index = indexOf(tensor.name);
    if (index == m_tensors.size() || offset > m_tensors[index].bytes ||
        out.size() > m_tensors[index].bytes - offset)
        return Status(Code::InternalError, {{"detail", "a read outside of " + tensor.name}});
    const Place& place = m_places[index];
    return m_files[place.file].reader->read(place.offset + offset, out);
}

std::uint64_t TensorTable::fileBytes() const {
    std::uint64_t sum = 0;
    for (const File& file : m_files)
        sum += file.reader->size();
    return sum;
}

Result<std::string> TensorTable::contentHash() const {
    Sha256 hash;
    for (const File& file : m_files)
        INGLENOOK_TRY(hashHeader(hash, *file.reader, file.header_bytes));
    for (std::size_t i = 0; i < m_tensors.size(); ++i)
        INGLENOOK_TRY(hashSamples(hash, *m_files[m_places[i].file].reader, m_places[i].offset,
                                  m_tensors[i].bytes));
    return hash.finish();
}

} // namespace engine
