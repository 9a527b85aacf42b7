#include "ui/dashboard/request_table_model.h"

#include "ui/text_format.h"

namespace ui {

namespace {

QString progressText(const app::RequestRow& row) {
    if (row.stage == app::RequestStage::Prefill && row.promptTokens > 0)
        return RequestTableModel::tr("%1 of %2 read")
            .arg(tokensText(row.prefilledTokens), tokensText(row.promptTokens));
    if (row.stage == app::RequestStage::Queued)
        return row.estimatedWait_us >= 0
                   ? RequestTableModel::tr("about %1 to go").arg(durationText(row.estimatedWait_us))
                   : QStringLiteral("–");
    return RequestTableModel::tr("%1 written").arg(tokensText(row.generatedTokens));
}

QString tokensCell(const app::RequestRow& row) {
    QString text = RequestTableModel::tr("%1 in, %2 out")
                       .arg(tokensText(row.promptTokens), tokensText(row.generatedTokens));
    if (row.cachedTokens > 0)
        text += RequestTableModel::tr(", %1 cached").arg(tokensText(row.cachedTokens));
    return text;
}

} // namespace

QString priorityText(int priority) {
    switch (priority) {
    case 0:
        return RequestTableModel::tr("P0 · chat");
    case 1:
        return RequestTableModel::tr("P1 · agents, API");
    default:
        return RequestTableModel::tr("P2 · batch");
    }
}

QString stageText(const app::RequestRow& row) {
    switch (row.stage) {
    case app::RequestStage::Queued:
        return RequestTableModel::tr("waiting, place %1").arg(row.queuePosition + 1);
    case app::RequestStage::Prefill:
        return RequestTableModel::tr("reading");
    case app::RequestStage::Decode:
        return RequestTableModel::tr("answering");
    case app::RequestStage::Finished:
        return RequestTableModel::tr("done");
    case app::RequestStage::Failed:
        return RequestTableModel::tr("failed");
    case app::RequestStage::Stopped:
        break;
    }
    return RequestTableModel::tr("stopped");
}

void RequestTableModel::setRows(const QList<app::RequestRow>& rows) {
    const bool isSame =
        std::equal(rows.begin(), rows.end(), m_rows.begin(), m_rows.end(),
                   [](const app::RequestRow& a, const app::RequestRow& b) { return a.id == b.id; });
    if (isSame) {
        m_rows = rows;
        if (!rows.isEmpty())
            emit dataChanged(index(0, 0), index(int(rows.size()) - 1, kColumnCount - 1));
        return;
    }
    beginResetModel();
    m_rows = rows;
    endResetModel();
}

int RequestTableModel::rowOf(quint64 request) const {
    for (int row = 0; row < m_rows.size(); ++row)
        if (m_rows[row].id == request)
            return row;
    return -1;
}

int RequestTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}

int RequestTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumnCount;
}

QVariant RequestTableModel::data(const QModelIndex& index, int role) const {
    // In a narrow window cells end in an ellipsis: the tool tip has their whole text.
    const bool isText = role == Qt::DisplayRole || role == Qt::ToolTipRole;
    if (!index.isValid() || index.row() >= m_rows.size() || !isText)
        return {};
    const app::RequestRow& row = m_rows[index.row()];
    switch (index.column()) {
    case Number:
        return QString::number(row.id);
    case Client:
        return clientText(row.client);
    case Priority:
        return priorityText(row.priority);
    case Phase:
        return stageText(row);
    case Progress:
        return progressText(row);
    case Tokens:
        return tokensCell(row);
    case Speed:
        return speedText(row.tokensPerSecond);
    case Waited:
        return durationText(row.queueWait_us);
    default:
        return {};
    }
}

QVariant RequestTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    const QStringList names = {tr("Request"),  tr("Client"), tr("Priority"), tr("Phase"),
                               tr("Progress"), tr("Tokens"), tr("Speed"),    tr("Waited")};
    return names.value(section);
}

} // namespace ui
