#include "engine/model/gguf_file.h"

#include "engine/model/content_hash.h"
#include "engine/phrase.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>

namespace engine {

namespace {

constexpr std::uint64_t kMostParts = 512;

Status partProblem(const FileReader& file, std::uint64_t count, std::string problem) {
    return Status(
        Code::ModelPartMissing,
        {{"file", file.name()}, {"count", std::to_string(count)}, {"problem", std::move(problem)}});
}

/// "stem-00001-of-00003.gguf": the stem, or nothing for a name of another form.
std::optional<std::string> splitStem(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    constexpr std::string_view kForm = "-00001-of-00003.gguf";
    if (name.size() <= kForm.size())
        return std::nullopt;
    const std::string_view tail = std::string_view(name).substr(name.size() - kForm.size());
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        const bool digit = kForm[i] >= '0' && kForm[i] <= '9';
        if (digit ? tail[i] < '0' || tail[i] > '9' : tail[i] != kForm[i])
            return std::nullopt;
    }
    return name.substr(0, name.size() - kForm.size());
}

std::filesystem::path partPath(const std::filesystem::path& anyPart, const std::string& stem,
                               std::uint64_t number, std::uint64_t count) {
    char tail[64];
    std::snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", static_cast<unsigned>(number),
                  static_cast<unsigned>(count));
    return anyPart.parent_path() / (stem + tail);
}

Result<GgufHeader> openPart(const std::filesystem::path& path) {
    auto file = FileReader::open(path);
    if (!file)
        return file.status();
    return parseGguf(*file);
}

/// Part `number` of `count` (from 0) must say so itself.
Status checkPart(const GgufHeader& part, std::uint64_t number, std::uint64_t count) {
    const auto no = part.unsignedValue("split.no");
    const auto of = part.unsignedValue("split.count");
    if (!no)
        return no.status();
    if (!of)
        return of.status();
    if (no->value_or(0) != number || of->value_or(1) != count)
        return partProblem(*part.file, count,
                           "it calls itself part " + std::to_string(no->value_or(0) + 1) + " of " +
                               std::to_string(of->value_or(1)) + ", not part " +
                               std::to_string(number + 1));
    return {};
}

/// Opens all parts of a split model, given one of them.
Result<std::vector<GgufHeader>> openAllParts(GgufHeader anyPart, std::uint64_t count) {
    const FileReader& file = *anyPart.file;
    const auto stem = splitStem(file.path());
    if (!stem)
        return partProblem(file, count, "its name does not end in -00001-of-0000N.gguf");
    std::vector<GgufHeader> parts;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::filesystem::path path = partPath(file.path(), *stem, i + 1, count);
        auto part = openPart(path);
        if (!part && part.status() == Code::FileCannotOpen)
            return partProblem(file, count, path.filename().string() + " cannot be opened");
        if (!part)
            return part.status();
        INGLENOOK_TRY(checkPart(*part, i, count));
        parts.push_back(*std::move(part));
    }
    const auto total = parts.front().unsignedValue("split.tensors.count");
    if (!total)
        return total.status();
    const std::uint64_t found =
        std::accumulate(parts.begin(), parts.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const auto& p) { return sum + p.tensors.size(); });
    if (*total && **total != found)
        return partProblem(file, count,
                           "they hold " + std::to_string(found) + " tensors instead of " +
                               std::to_string(**total));
    return parts;
}

} // namespace

Result<std::shared_ptr<const GgufFile>> GgufFile::open(const std::filesystem::path& path) {
    auto first = openPart(path);
    if (!first)
        return first.status();
    const auto count = first->unsignedValue("split.count");
    if (!count)
        return count.status();
    auto model = std::make_shared<GgufFile>();
    const std::uint64_t parts = count->value_or(1);
    if (parts > kMostParts)
        return partProblem(*first->file, parts, "nobody splits a model that often");
    if (parts > 1) {
        auto all = openAllParts(*std::move(first), parts);
        if (!all)
            return all.status();
        model->m_parts = *std::move(all);
    } else {
        model->m_parts.push_back(*std::move(first));
    }
    INGLENOOK_TRY(model->indexTensors());
    INGLENOOK_TRY(model->hashContent());
    return std::shared_ptr<const GgufFile>(std::move(model));
}

Status GgufFile::indexTensors() {
    for (std::uint32_t part = 0; part < m_parts.size(); ++part) {
        for (GgufTensor& tensor : m_parts[part].tensors) {
            m_places.push_back({part, tensor.offset});
            m_tensors.push_back(std::move(tensor.info));
        }
        m_parts[part].tensors.clear();
        m_parts[part].tensors.shrink_to_fit();
    }
    m_byName.resize(m_tensors.size());
    std::iota(m_byName.begin(), m_byName.end(), 0U);
    std::sort(m_byName.begin(), m_byName.end(), [this](std::uint32_t a, std::uint32_t b) {
        return m_tensors[a].name < m_tensors[b].name;
    });
    for (std::size_t i = 1; i < m_byName.size(); ++i)
        if (m_tensors[m_byName[i]].name == m_tensors[m_byName[i - 1]].name)
            return Status(Code::ModelDamaged,
                          {{"file", fileName()},
                           {"field", "tensor " + m_tensors[m_byName[i]].name},
                           {"problem", PHRASE("Status", "is given by two parts")}});
    return {};
}

Status GgufFile::hashContent() {
    Sha256 hash;
    for (const GgufHeader& part : m_parts)
        INGLENOOK_TRY(hashHeader(hash, *part.file, part.dataOffset));
    for (std::size_t i = 0; i < m_tensors.size(); ++i)
        INGLENOOK_TRY(hashSamples(hash, *m_parts[m_places[i].part].file, m_places[i].offset,
                                  m_tensors[i].bytes));
    m_contentHash = hash.finish();
    return {};
}

std::uint64_t GgufFile::fileBytes() const {
    std::uint64_t sum = 0;
    for (const GgufHeader& part : m_parts)
        sum += part.file->size();
    return sum;
}

std::size_t GgufFile::indexOf(std::string_view name) const {
    const auto found = std::lower_bound(
        m_byName.begin(), m_byName.end(), name,
        [this](std::uint32_t index, std::string_view n) { return m_tensors[index].name < n; });
    return found != m_byName.end() && m_tensors[*found].name == name ? *found : m_tensors.size();
}

const TensorInfo* GgufFile::find(std::string_view name) const {
    const std::size_t index = indexOf(name);
    return index < m_tensors.size() ? &m_tensors[index] : nullptr;
}

Status GgufFile::read(const TensorInfo& tensor, std::uint64_t offset,
                      std::span<std::byte> out) const {
    const std::size_t index = indexOf(tensor.name);
    if (index == m_tensors.size() || offset > m_tensors[index].bytes ||
        out.size() > m_tensors[index].bytes - offset)
        return Status(Code::InternalError, {{"detail", "a read outside of " + tensor.name}});
    const Place& place = m_places[index];
    return m_parts[place.part].file->read(place.offset + offset, out);
}

} // namespace engine
