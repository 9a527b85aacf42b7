#include "engine/model/gguf_file.h"

#include "engine/phrase.h"

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
    auto hash = model->m_table.contentHash();
    if (!hash)
        return hash.status();
    model->m_contentHash = *std::move(hash);
    return std::shared_ptr<const GgufFile>(std::move(model));
}

Status GgufFile::indexTensors() {
    for (GgufHeader& part : m_parts) {
        m_table.addFile(part.file, part.dataOffset);
        for (GgufTensor& tensor : part.tensors)
            m_table.add(std::move(tensor.info), tensor.offset);
        part.tensors.clear();
        part.tensors.shrink_to_fit();
    }
    const std::string twice = m_table.sortByName();
    if (twice.empty())
        return {};
    return Status(Code::ModelDamaged, {{"file", fileName()},
                                       {"field", "tensor " + twice},
                                       {"problem", PHRASE("Status", "is given by two parts")}});
}

} // namespace engine
