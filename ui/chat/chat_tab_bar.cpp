#include "ui/chat/chat_tab_bar.h"

#include "ui/icons.h"
#include "ui/state_sign.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <algorithm>
#include <QMouseEvent>

namespace ui {

namespace {
constexpr int kLeastWidth = 110; // px: icon, some letters, close button
constexpr int kMostWidth = 240;
} // namespace

ChatTabBar::ChatTabBar(Theme& theme, QWidget* parent) : QTabBar(parent), m_theme(theme) {
    setProperty("role", "chats");
    setAccessibleName(tr("Open chats"));
    setMovable(true);
    setTabsClosable(true);
    setDocumentMode(true);
    setDrawBase(false);
    setExpanding(false);
    setUsesScrollButtons(true);
    setElideMode(Qt::ElideRight);
    setIconSize({14, 14});
    connect(&m_theme, &Theme::changed, this, &ChatTabBar::updateIcons);
}

void ChatTabBar::showTab(int index, const app::Conversation& conversation) {
    const QString title = conversation.title.isEmpty() ? tr("New chat") : conversation.title;
    const QString state = stateText(conversation.state, conversation.place);
    const QString queued = conversation.state == app::ConversationState::Queued
                               ? queueText(conversation.place)
                               : QString();
    // The place stands first: a long title is cut at its end.
    QString text = queued.isEmpty() ? title : QStringLiteral("%1 · %2").arg(queued, title);
    text.replace(QLatin1Char('&'), QStringLiteral("&&")); // else it would mark a key
    if (text != tabText(index)) {
        setTabText(index, text);
        updateGeometry(); // what stands beside the last tab comes along
    }
    setTabData(index, int(conversation.state));
    setTabToolTip(index, QStringLiteral("<qt>%1%2</qt>")
                             .arg(title.toHtmlEscaped(),
                                  state.isEmpty() ? QString() : QStringLiteral("<br>") + state));
    setAccessibleTabName(index,
                         state.isEmpty() ? title : QStringLiteral("%1, %2").arg(title, state));
    updateIcon(index);
}

void ChatTabBar::updateIcon(int index) {
    const StateSign sign = stateSign(app::ConversationState(tabData(index).toInt()));
    setTabIcon(index,
               sign.icon.isEmpty() ? QIcon() : icon(sign.icon, m_theme.palette().*(sign.color)));
}

void ChatTabBar::updateIcons() {
    for (int index = 0; index < count(); ++index)
        updateIcon(index);
}

QSize ChatTabBar::minimumSizeHint() const {
    return QTabBar::minimumSizeHint().boundedTo(sizeHint());
}

QSize ChatTabBar::tabSizeHint(int index) const {
    QSize size = QTabBar::tabSizeHint(index);
    size.setWidth(std::clamp(size.width(), kLeastWidth, kMostWidth));
    return size;
}

QSize ChatTabBar::minimumTabSizeHint(int index) const {
    return {kLeastWidth, QTabBar::minimumTabSizeHint(index).height()};
}

void ChatTabBar::mouseReleaseEvent(QMouseEvent* event) {
    const int index = tabAt(event->position().toPoint());
    if (event->button() == Qt::MiddleButton && index >= 0)
        emit tabCloseRequested(index);
    else
        QTabBar::mouseReleaseEvent(event);
}

} // namespace ui
