#include "tests/support/suite_registry.h"
#include "ui/widgets/elided_label.h"

#include <QHelpEvent>
#include <QTextDocument>
#include <QToolTip>
#include <QtTest/QtTest>

namespace {

/// What the tool tip says when the label has so many pixels.
QString toolTipAt(ui::ElidedLabel& label, int width) {
    label.resize(width, 20);
    QHelpEvent event(QEvent::ToolTip, {}, label.mapToGlobal(QPoint()));
    QCoreApplication::sendEvent(&label, &event);
    return QToolTip::isVisible() ? QToolTip::text() : QString();
}

} // namespace

class TstElidedLabel : public QObject {
    Q_OBJECT

  private slots:
    void theToolTipHasWhatHasNoRoom() {
        ui::ElidedLabel label;
        label.setText(QStringLiteral("A title that is longer than forty pixels"));
        label.show();
        QCOMPARE(toolTipAt(label, 40), label.text());
    }

    /// Both ends of a hash tell it from others: it is drawn as its middle alone gave way.
    void theMiddleGivesWay() {
        ui::ElidedLabel whole(Qt::ElideMiddle);
        whole.setText(QStringLiteral("0123456789abcdef0123456789abcdef"));
        whole.show();
        QCOMPARE(toolTipAt(whole, 80), whole.text());
        ui::ElidedLabel cut;
        cut.setText(whole.fontMetrics().elidedText(whole.text(), Qt::ElideMiddle, 80));
        cut.resize(80, 20);
        QVERIFY(cut.text().endsWith(QLatin1Char('f')));
        QCOMPARE(whole.grab().toImage(), cut.grab().toImage());
    }

    void markupIsShownAsItWasWritten() {
        ui::ElidedLabel label;
        label.setText(QStringLiteral("<b>A title</b> that is longer than forty pixels"));
        label.show();
        QTextDocument shown;
        shown.setHtml(toolTipAt(label, 40));
        QCOMPARE(shown.toPlainText(), label.text());
    }

    void aToolTipOfItsOwnStands() {
        ui::ElidedLabel label;
        label.setText(QStringLiteral("A model on two GPUs"));
        label.setToolTip(QStringLiteral("GPU 0: 4 GB"));
        label.show();
        QCOMPARE(toolTipAt(label, 1000), label.toolTip());
        QCOMPARE(toolTipAt(label, 40), label.text() + QLatin1Char('\n') + label.toolTip());
    }
};

INGLENOOK_SUITE(elided_label, TstElidedLabel)
#include "tst_elided_label.moc"
