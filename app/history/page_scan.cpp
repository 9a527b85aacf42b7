#include "app/history/page_scan.h"

#include <optional>
#include <QFile>
#include <set>
#include <string_view>

namespace app {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFileHeader = 100;
constexpr unsigned char kTableLeaf = 0x0D;
constexpr std::size_t kMostColumns = 64;

/// Reads that never leave what is there; the first one that would makes all later ones fail.
class Cursor {
  public:
    explicit Cursor(std::string_view bytes) : m_bytes(bytes) {}

    bool ok() const { return m_ok; }
    std::size_t at() const { return m_at; }
    quint64 bigEndian(std::size_t width) {
        quint64 value = 0;
        for (const char byte : take(width))
            value = value << 8 | static_cast<unsigned char>(byte);
        return value;
    }
    quint64 varint() {
        quint64 value = 0;
        for (int i = 0; i < 9 && m_ok; ++i) {
            const auto byte = quint64(bigEndian(1));
            if (i == 8)
                return value << 8 | byte;
            value = value << 7 | (byte & 0x7F);
            if ((byte & 0x80) == 0)
                return value;
        }
        return value;
    }
    std::string_view take(std::size_t size) {
        m_ok = m_ok && size <= m_bytes.size() - m_at;
        if (!m_ok)
            return {};
        m_at += size;
        return m_bytes.substr(m_at - size, size);
    }

  private:
    std::string_view m_bytes;
    std::size_t m_at = 0;
    bool m_ok = true;
};

class Pages {
  public:
    explicit Pages(std::string_view bytes) : m_bytes(bytes) {}

    std::size_t count() const { return m_bytes.size() / kPage; }
    /// Numbered from 1, as SQLite does; empty when there is none.
    std::string_view page(quint64 number) const {
        return number >= 1 && number <= count() ? m_bytes.substr((number - 1) * kPage, kPage)
                                                : std::string_view();
    }

    std::set<quint64> freePages() const {
        std::set<quint64> free;
        quint64 trunk =
            Cursor(m_bytes.substr(std::min<std::size_t>(32, m_bytes.size()))).bigEndian(4);
        while (!page(trunk).empty() && free.insert(trunk).second) {
            Cursor list(page(trunk));
            const quint64 next = list.bigEndian(4);
            for (quint64 left = list.bigEndian(4); left > 0 && list.ok(); --left)
                free.insert(list.bigEndian(4));
            trunk = next;
        }
        return free;
    }

    /// The row's bytes; what does not fit into the cell lies on a chain of pages of their own.
    std::optional<std::string> payload(Cursor& cell, quint64 size) const {
        constexpr quint64 kLargest = kPage - 35;
        constexpr quint64 kLeast = (kPage - 12) * 32 / 255 - 23;
        if (size > m_bytes.size())
            return std::nullopt;
        if (size <= kLargest) {
            const std::string_view all = cell.take(std::size_t(size));
            return cell.ok() ? std::optional(std::string(all)) : std::nullopt;
        }
        const quint64 here = kLeast + (size - kLeast) % (kPage - 4);
        std::string all(cell.take(std::size_t(here <= kLargest ? here : kLeast)));
        quint64 next = cell.bigEndian(4);
        while (cell.ok() && all.size() < size) {
            Cursor more(page(next));
            next = more.bigEndian(4);
            all += more.take(std::min<std::size_t>(kPage - 4, std::size_t(size) - all.size()));
            if (!more.ok())
                return std::nullopt;
        }
        return cell.ok() ? std::optional(std::move(all)) : std::nullopt;
    }

  private:
    std::string_view m_bytes;
};

std::optional<ScannedValue> valueOf(quint64 type, Cursor& body) {
    constexpr std::size_t kWidths[] = {0, 1, 2, 3, 4, 6, 8};
    if (type == 0)
        return ScannedValue();
    if (type <= 6) {
        const std::size_t width = kWidths[type];
        const int unused = 64 - int(width) * 8; // the sign is the first bit that is there
        return ScannedValue(qint64(body.bigEndian(width) << unused) >> unused);
    }
    if (type == 8 || type == 9)
        return ScannedValue(qint64(type - 8));
    if (type < 13 || type % 2 == 0)
        return std::nullopt; // a real or a blob: no table of ours
    return ScannedValue(std::string(body.take(std::size_t((type - 13) / 2))));
}

std::optional<ScannedRow> rowOf(qint64 id, std::string_view payload) {
    Cursor header(payload);
    const quint64 headerSize = header.varint();
    if (!header.ok() || headerSize > payload.size())
        return std::nullopt;
    Cursor body(payload.substr(std::size_t(headerSize)));
    ScannedRow row;
    row.id = id;
    while (header.at() < headerSize) {
        const quint64 type = header.varint();
        std::optional<ScannedValue> value = valueOf(type, body);
        if (!header.ok() || !value || !body.ok() || row.values.size() == kMostColumns)
            return std::nullopt;
        row.values.push_back(std::move(*value));
    }
    return row;
}

void scanPage(const Pages& pages, quint64 number,
              const std::function<void(const ScannedRow&)>& take) {
    const std::string_view page = pages.page(number);
    const std::size_t start = number == 1 ? kFileHeader : 0;
    if (static_cast<unsigned char>(page[start]) != kTableLeaf)
        return;
    Cursor header(page.substr(start + 3));
    const quint64 cells = header.bigEndian(2);
    Cursor pointers(page.substr(start + 8));
    for (quint64 i = 0; i < cells; ++i) {
        const quint64 at = pointers.bigEndian(2);
        if (!pointers.ok())
            return;
        if (at >= kPage)
            continue;
        Cursor cell(page.substr(std::size_t(at)));
        const quint64 size = cell.varint();
        const auto id = qint64(cell.varint());
        const std::optional<std::string> payload = pages.payload(cell, size);
        if (!payload || id <= 0)
            continue;
        if (const std::optional<ScannedRow> row = rowOf(id, *payload))
            take(*row);
    }
}

} // namespace

void scanTableLeaves(const QString& file, const std::function<void(const ScannedRow&)>& take) {
    QFile source(file);
    if (!source.open(QIODevice::ReadOnly))
        return;
    const QByteArray bytes = source.readAll();
    const Pages pages(std::string_view(bytes.constData(), std::size_t(bytes.size())));
    const std::set<quint64> free = pages.freePages();
    for (quint64 number = 1; number <= pages.count(); ++number)
        if (!free.contains(number))
            scanPage(pages, number, take);
}

} // namespace app
