#include "ui/models/library_list_model.h"

#include "ui/text_format.h"

#include <algorithm>

namespace ui {

namespace {

bool hasWords(const QString& text, const QStringList& words) {
    return std::all_of(words.begin(), words.end(), [&](const QString& word) {
        return text.contains(word, Qt::CaseInsensitive);
    });
}

} // namespace

QString parametersText(quint64 parameters) {
    const auto scaled = [&](double unit, const char* suffix) {
        const double value = double(parameters) / unit;
        return QString::number(value, 'f', value < 9.95 ? 1 : 0) + QLatin1String(suffix);
    };
    if (parameters >= 1'000'000'000)
        return scaled(1e9, "B");
    return parameters >= 1'000'000 ? scaled(1e6, "M") : scaled(1e3, "K");
}

QString cardSummary(const app::ModelCard& card) {
    return QStringLiteral("%1 · %2 · %3")
        .arg(parametersText(card.parameters), card.fileType, bytesText(card.bytes()));
}

void LibraryListModel::show(const QList<app::ModelCard>& cards,
                            const QList<app::RejectedModel>& rejected, const QString& words) {
    const QStringList wanted = words.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    beginResetModel();
    m_rows.clear();
    for (const app::ModelCard& card : cards) {
        const QStringList texts = {card.name,      card.id,       card.family,
                                   card.baseModel, card.fileType, card.marks.note};
        if (!hasWords(texts.join(QLatin1Char('\n')), wanted))
            continue;
        const QString detail =
            card.isAway ? tr("Not there now: %1").arg(card.root) : cardSummary(card);
        const QString name = card.isBuiltIn ? tr("%1 (built in)").arg(card.name) : card.name;
        m_rows.append(
            {RowKind::Model, name, card.path, detail, card.marks.isFavourite, card.isAway});
    }
    QList<Row> unusable;
    for (const app::RejectedModel& each : rejected)
        if (hasWords(each.path, wanted))
            unusable.append({RowKind::Rejected, each.path.section(QLatin1Char('/'), -1), each.path,
                             each.path.section(QLatin1Char('/'), 0, -2), false, each.isAway});
    if (!unusable.isEmpty())
        m_rows.append({RowKind::Heading, tr("Cannot be used"), {}, {}});
    m_rows += unusable;
    endResetModel();
}

void LibraryListModel::setLoaded(const QString& path) {
    m_loaded = path;
    if (!m_rows.isEmpty())
        emit dataChanged(index(0), index(int(m_rows.size()) - 1), {LoadedRole});
}

QModelIndex LibraryListModel::indexOf(const QString& path) const {
    for (int row = 0; row < m_rows.size(); ++row)
        if (m_rows.at(row).kind != RowKind::Heading && m_rows.at(row).path == path)
            return index(row);
    return {};
}

int LibraryListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}

QVariant LibraryListModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= m_rows.size())
        return {};
    const Row& row = m_rows.at(index.row());
    switch (role) {
    case Qt::DisplayRole:
        return row.text;
    case Qt::AccessibleTextRole:
        return row.detail.isEmpty() ? row.text : row.text + QStringLiteral(", ") + row.detail;
    case Qt::ToolTipRole:
        return row.path.toHtmlEscaped();
    case KindRole:
        return int(row.kind);
    case PathRole:
        return row.path;
    case DetailRole:
        return row.detail;
    case FavouriteRole:
        return row.isFavourite;
    case AwayRole:
        return row.isAway;
    case LoadedRole:
        return !m_loaded.isEmpty() && row.path == m_loaded;
    default:
        return {};
    }
}

Qt::ItemFlags LibraryListModel::flags(const QModelIndex& index) const {
    if (index.isValid() && m_rows.at(index.row()).kind == RowKind::Heading)
        return Qt::NoItemFlags;
    return Qt::ItemIsEnabled | Qt::ItemIsSelectable;
}

} // namespace ui
