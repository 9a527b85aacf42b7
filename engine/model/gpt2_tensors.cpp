#include "engine/model/gpt2_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace engine {

namespace {

constexpr std::string_view kFused = ".attn_qkv.";

bool isLayerMatrix(const TensorInfo& tensor) {
    return tensor.shape.size() == 2 && tensor.name.starts_with("blk.");
}

} // namespace

Gpt2Tensors::Gpt2Tensors(std::shared_ptr<const TensorSource> file, Layout layout)
    : m_file(std::move(file)) {
    for (const TensorInfo& stored : m_file->tensors())
        add(stored, layout);
}

void Gpt2Tensors::add(const TensorInfo& stored, Layout layout) {
    TensorInfo tensor = stored;
    View view{stored.name, 0, layout == Layout::Conv1D && isLayerMatrix(stored)};
    if (view.transposed)
        std::swap(tensor.shape[0], tensor.shape[1]);
    const std::size_t fused = stored.name.find(kFused);
    const std::uint64_t rows = tensor.shape.front(); // of a bias: its elements
    const std::uint32_t block = tensorBlock(tensor.type).elements;
    const bool cuttable = tensor.shape.size() > 1 || rows / 3 % block == 0;
    if (fused == std::string::npos || rows % 3 != 0 || !cuttable) {
        m_tensors.push_back(std::move(tensor));
        m_views.push_back(std::move(view));
        return;
    }
    constexpr std::array<std::string_view, 3> kParts = {".attn_q.", ".attn_k.", ".attn_v."};
    tensor.shape.front() = rows / 3;
    tensor.bytes = stored.bytes / 3;
    for (std::size_t i = 0; i < kParts.size(); ++i) {
        tensor.name = stored.name;
        tensor.name.replace(fused, kFused.size(), kParts[i]);
        view.firstRow = i * (rows / 3);
        m_tensors.push_back(tensor);
        m_views.push_back(view);
    }
}

const TensorInfo* Gpt2Tensors::find(std::string_view name) const {
    const auto found = std::find_if(m_tensors.begin(), m_tensors.end(),
                                    [&](const TensorInfo& tensor) { return tensor.name == name; });
    return found != m_tensors.end() ? &*found : nullptr;
}

Status Gpt2Tensors::read(const TensorInfo& tensor, std::uint64_t offset,
                         std::span<std::byte> out) const {
    const TensorInfo* known = find(tensor.name);
    if (known == nullptr || offset > known->bytes || out.size() > known->bytes - offset)
        return Status(Code::InternalError, {{"detail", "a read outside of " + tensor.name}});
    const View& view = m_views[static_cast<std::size_t>(known - m_tensors.data())];
    const TensorInfo& stored = *m_file->find(view.stored);
    if (view.transposed)
        return gather(stored, view, *known, offset, out);
    const std::uint64_t rows = stored.shape.front();
    return m_file->read(stored, stored.bytes / rows * view.firstRow + offset, out);
}

/// Whole rows of the tensor are columns of what is stored: of every stored row a stretch.
Status Gpt2Tensors::gather(const TensorInfo& stored, const View& view, const TensorInfo& tensor,
                           std::uint64_t offset, std::span<std::byte> out) const {
    const std::uint32_t element = tensorBlock(stored.type).bytes;
    const std::uint64_t columns = tensor.columns();
    if (tensorBlock(stored.type).elements != 1 || offset % element != 0 ||
        out.size() % element != 0)
        return Status(Code::InternalError, {{"detail", "a read across " + tensor.name}});
    const std::uint64_t first = offset / element;
    const std::uint64_t end = first + out.size() / element;
    if (first == end)
        return {};
    const std::uint64_t firstRow = first / columns;
    const std::uint64_t rows = (end - 1) / columns + 1 - firstRow;
    const std::uint64_t storedRow = stored.columns();
    std::vector<std::byte> stretch;
    try {
        stretch.resize(rows * element);
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a row of " + tensor.name}, {"free", "less"}});
    }
    for (std::uint64_t k = 0; k < columns; ++k) {
        INGLENOOK_TRY(
            m_file->read(stored, (k * storedRow + view.firstRow + firstRow) * element, stretch));
        for (std::uint64_t row = 0; row < rows; ++row) {
            const std::uint64_t at = (firstRow + row) * columns + k;
            if (at >= first && at < end)
                std::memcpy(out.data() + (at - first) * element, stretch.data() + row * element,
                            element);
        }
    }
    return {};
}

} // namespace engine
